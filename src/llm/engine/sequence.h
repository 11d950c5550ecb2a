// A request, or several that are read as one, on its way through a batch engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/continuations.h"
#include "llm/decoder_request.h"
#include "llm/engine/block_cache.h"
#include "llm/engine/prefix_index.h"
#include "llm/token_tree.h"

namespace llama4rec::llm {

/// What a request gets. The completion of free text is without its text: whoever asked decodes the tokens.
struct EngineAnswer {
  Completion completion;
  GeneratedTokens generated;  ///< of free text
};

/// Requests that are asked together, and where their answers go. It stays in its place until all are answered or it is cancelled.
struct EngineBatch {
  std::span<PreparedRequest> prepared;
  std::span<EngineAnswer> answers;
  /// Called with a request's place when its answer is there; from the thread that takes the step.
  std::function<void(std::size_t place)> arrived{};
  /// Called with every token of free text but the end token, where it is not empty.
  std::function<void(std::size_t place, Token token, double log_probability)> wrote{};
  std::size_t missing = 0;  ///< answers that are not there yet

  [[nodiscard]] EngineAnswer& answer_of(const PreparedRequest& request) const { return answers[place_of(request)]; }
  [[nodiscard]] std::size_t place_of(const PreparedRequest& request) const {
    return static_cast<std::size_t>(&request - prepared.data());
  }
};

/// Requests that are read as one: several choices, or one that generates.
struct RequestGroup {
  EngineBatch* batch = nullptr;
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Neighbouring choices grouped as prompt_plan.h says, where `share` and up to `most_slots` slots; everything else alone.
std::vector<RequestGroup> group_requests(EngineBatch& batch, bool share, std::int64_t most_slots);

/// Slots that a request needs when it is alone in its tree, and blocks that hold so many.
std::int64_t slots_of(const PreparedRequest& prepared);
std::int64_t blocks_for(std::int64_t slots);

/// A group whose blocks are set aside.
struct Sequence {
  EngineBatch* batch = nullptr;
  std::span<PreparedRequest> requests;
  TokenTree tree;
  std::vector<std::int32_t> ends;
  std::int64_t chain = 0;  ///< first tokens of the tree that all others stand behind
  std::vector<PrefixIndex::Node> shared;
  std::vector<BlockId> blocks;  ///< of all slots; the first ones belong to the nodes in `shared`
  std::int64_t read = 0;        ///< slots whose tokens are in the cache or in this step

  std::unique_ptr<PermutationContinuation> permutation;
  std::unique_ptr<FreeContinuation> free;
  std::vector<Token> chunk;  ///< to be read next, behind the slots so far; empty while the tree is read
  std::int64_t choices = 0;  ///< tokens chosen so far

  [[nodiscard]] Continuation* continuation() const {
    return permutation ? static_cast<Continuation*>(permutation.get()) : free.get();
  }
  /// Its prompt, with the options below it, lies behind it.
  [[nodiscard]] bool tree_is_read() const { return choices > 0 || read >= tree.size(); }
  /// Slots of the tree, relative to the part that is read, whose states answer the requests' questions.
  [[nodiscard]] std::vector<std::int32_t> asked_slots() const;
};

}  // namespace llama4rec::llm
