// The embedded model's engine: a packed copy of the weights and one or several batch engines over it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/engine/batch_engine.h"
#include "llm/engine/engine_options.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Small models are run by one batch engine per thread, which never wait for each other; large ones by one whose products share the threads.
/// Answers are the same either way, bit by bit.
class Engine {
 public:
  /// The transformer and the tokeniser must outlive it, and the weights not change.
  Engine(const Transformer& transformer, const Tokenizer& tokenizer, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  Engine(Engine&&) = delete;
  Engine& operator=(Engine&&) = delete;

  /// As LanguageModel::complete. `arrived` is called for each answer when it is there, in any order, one call at a time.
  [[nodiscard]] std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                                 const CompletionArrival& arrived);
  /// Sums over the batch engines, since the beginning.
  [[nodiscard]] EngineAccount account() const;
  /// Of the packed weights.
  [[nodiscard]] std::int64_t weight_bytes() const { return model_.bytes(); }

 private:
  class Call;

  const Transformer& transformer_;
  const Tokenizer& tokenizer_;
  EngineOptions options_;
  PackedModel model_;
  std::vector<BatchEngine> workers_;
};

}  // namespace llama4rec::llm
