// Answers to many requests at once: continuous batching over a block-wise cache of keys and values.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "llm/engine/engine_options.h"
#include "llm/engine/packed_model.h"
#include "llm/engine/sequence.h"
#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// What an engine did, for benchmarks and reports.
struct EngineAccount {
  std::int64_t steps = 0;
  std::int64_t read_tokens = 0;    ///< that went through the model
  std::int64_t shared_tokens = 0;  ///< of prompts, found in the cache
  std::int64_t evicted_blocks = 0;
  std::int64_t most_blocks = 0;  ///< of keys and values, at a time
  std::int64_t used_blocks = 0;  ///< now, by requests that are not answered yet
};

/// One engine with a cache of its own. In every step the sequences that write read their next tokens, and what room is left goes to the
/// prompts of further requests:
/// - neighbouring requests that choose from options are one token tree with the options below it (prompt_plan.h), read and scored once;
/// - requests that generate are sequences of their own, which share whole blocks with what was read before;
/// - forced tokens are appended without a step of their own.
/// An answer depends on its request alone, bit by bit (tile.h), not on what is read beside it, the step size or the cache's state.
class BatchEngine {
 public:
  /// The model and the tokeniser must outlive it.
  BatchEngine(const PackedModel& model, const Tokenizer& tokenizer, const EngineOptions& options);
  ~BatchEngine();
  BatchEngine(BatchEngine&&) noexcept;
  BatchEngine& operator=(BatchEngine&&) noexcept;
  BatchEngine(const BatchEngine&) = delete;
  BatchEngine& operator=(const BatchEngine&) = delete;

  /// UsageError, naming its place, for a request whose keys and values can never fit the cache.
  void check(const PreparedRequest& prepared, std::size_t index) const;
  /// Takes in requests that `check` lets pass; the next steps answer them, behind those that were taken before.
  void add(EngineBatch& batch);
  /// Whether all that was taken in is answered.
  [[nodiscard]] bool idle() const;
  /// Reads and writes some tokens. After an exception nothing but the destructor may be called.
  void step();
  /// Forgets a batch; what it held of the cache is free. Not from one of its calls.
  void cancel(const EngineBatch& batch);

  [[nodiscard]] EngineAccount account() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llama4rec::llm
