// The embedded model's engine: a packed copy of the weights and one or several batch engines over it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/answer_progress.h"
#include "llm/engine/batch_engine.h"
#include "llm/engine/engine_options.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Small models are run by one batch engine per thread, which never wait for each other; large ones by one whose products share the threads.
/// Answers are the same either way, bit by bit. There are two ways to ask: all at once (`complete`), or requests that come and go
/// (`submit`, `step`, `cancel`). An exception from `complete` or `step` forgets everything that was submitted.
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

  /// Takes a request in and gives it a number; the next steps answer it. Where `prompt` has tokens they are read in place of the
  /// request's text, as they are. UsageError where it can never be answered.
  std::int64_t submit(const CompletionRequest& request, std::span<const Token> prompt = {});
  /// Some tokens further with what was submitted; what came of it, by ascending numbers. Nothing to do: nothing.
  [[nodiscard]] std::vector<AnswerProgress> step();
  /// Forgets a submitted request, as if it had never been there; without effect on one that is answered.
  void cancel(std::int64_t request);

  /// log P(token | tokens before it), one per token after the first. UsageError for tokens that the model does not have or hold.
  [[nodiscard]] std::vector<double> score(std::span<const Token> tokens) const;

  /// Sums over the batch engines, since the beginning.
  [[nodiscard]] EngineAccount account() const;
  /// Of the packed weights.
  [[nodiscard]] std::int64_t weight_bytes() const { return model_.bytes(); }

 private:
  class Call;
  struct Submitted;
  /// Runs `work`; where it throws the batch engines are made anew.
  template <class Work>
  auto guarded(const Work& work);

  const Transformer& transformer_;
  const Tokenizer& tokenizer_;
  EngineOptions options_;
  PackedModel model_;
  std::vector<BatchEngine> workers_;
  std::map<std::int64_t, std::unique_ptr<Submitted>> submitted_;
  std::int64_t last_number_ = 0;
};

}  // namespace llama4rec::llm
