// Answers to many requests at once: continuous batching over a block-wise cache of keys and values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/decoder_request.h"
#include "llm/engine/engine_options.h"
#include "llm/engine/packed_model.h"

namespace llama4rec::llm {

/// What an engine did, for benchmarks and reports.
struct EngineAccount {
  std::int64_t steps = 0;
  std::int64_t read_tokens = 0;    ///< that went through the model
  std::int64_t shared_tokens = 0;  ///< of prompts, found in the cache
  std::int64_t evicted_blocks = 0;
  std::int64_t most_blocks = 0;  ///< of keys and values, at a time
};

/// Called with the place of a request in the call when its completion is there; from any thread, one call at a time.
using AnswerArrival = std::function<void(std::size_t)>;

/// One engine with a cache of its own. In every step the sequences that write read their next tokens, and what room is left goes to the
/// prompts of further requests:
/// - neighbouring requests that choose from options are one token tree with the options below it (prompt_plan.h), read and scored once;
/// - requests that generate are sequences of their own, which share whole blocks with what was read before;
/// - forced tokens are appended without a step of their own.
/// An answer depends on its request alone, bit by bit (tile.h), not on what is read beside it, the step size or the cache's state.
class BatchEngine {
 public:
  /// The model must outlive it.
  BatchEngine(const PackedModel& model, const EngineOptions& options);
  ~BatchEngine();
  BatchEngine(BatchEngine&&) noexcept;
  BatchEngine& operator=(BatchEngine&&) noexcept;
  BatchEngine(const BatchEngine&) = delete;
  BatchEngine& operator=(const BatchEngine&) = delete;

  /// UsageError, naming its place, for a request whose keys and values can never fit the cache.
  void check(const PreparedRequest& prepared, std::size_t index) const;
  /// Answers requests that `check` lets pass. `end` ends choices and permutations, any of `ends` free text; tokens up to
  /// `vocabulary` may be generated. Free text is left in `generated` for the caller to decode.
  void answer(std::span<PreparedRequest> prepared, Token end, const std::vector<Token>& ends, std::int64_t vocabulary,
              std::span<Completion> completions, std::span<std::vector<Token>> generated, const AnswerArrival& arrived);

  [[nodiscard]] const EngineAccount& account() const;

 private:
  class Run;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llama4rec::llm
