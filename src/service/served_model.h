// What the service needs of a language model; one thread calls it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/answer_progress.h"

namespace llama4rec::llm {
class EmbeddedLlm;
}

namespace llama4rec::service {

/// Requests come and go while others are answered.
class ServedModel {
 public:
  virtual ~ServedModel() = default;
  [[nodiscard]] virtual std::vector<std::int32_t> encode(const PromptText& prompt) = 0;
  [[nodiscard]] virtual std::string decode(std::span<const std::int32_t> tokens) = 0;
  /// Takes a request in, whose prompt are these tokens, and gives it a number. UsageError where it cannot be answered.
  [[nodiscard]] virtual std::int64_t begin(const CompletionRequest& request, std::span<const std::int32_t> prompt) = 0;
  /// Goes on with all that was begun; what came of it. InterruptedError: a signal asks for a stop, nothing is lost. After another
  /// exception nothing that was begun is there any more.
  [[nodiscard]] virtual std::vector<llm::AnswerProgress> step() = 0;
  /// Gives up a request that is not answered.
  virtual void cancel(std::int64_t request) = 0;
  [[nodiscard]] virtual std::int64_t context_length() const = 0;
  [[nodiscard]] virtual std::string fingerprint() const = 0;
};

/// The embedded model, which must outlive it: on the CPU by its engine, a step some tokens; on a GPU in turns.
std::unique_ptr<ServedModel> serve_embedded(llm::EmbeddedLlm& model);
/// In turns: a step answers all bound requests that are there, else writes one free text to its end.
std::unique_ptr<ServedModel> serve_in_turns(llm::EmbeddedLlm& model);

}  // namespace llama4rec::service
