// What the service needs of a language model; one thread calls it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>

namespace llama4rec::llm {
class EmbeddedLlm;
}

namespace llama4rec::service {

/// A greedy continuation of tokens.
struct Continued {
  std::vector<std::int32_t> tokens;       ///< new ones, without the end token; fewer than asked for: the model ended
  std::vector<double> log_probabilities;  ///< one per token
};

class ServedModel {
 public:
  virtual ~ServedModel() = default;
  /// UsageError where a request cannot be answered.
  [[nodiscard]] virtual std::vector<Completion> complete(std::span<const CompletionRequest> requests) = 0;
  [[nodiscard]] virtual std::vector<std::int32_t> encode(const PromptText& prompt) = 0;
  [[nodiscard]] virtual std::string decode(std::span<const std::int32_t> tokens) = 0;
  [[nodiscard]] virtual Continued proceed(std::span<const std::int32_t> tokens, std::int64_t maximum) = 0;
  [[nodiscard]] virtual std::int64_t context_length() const = 0;
  [[nodiscard]] virtual std::string fingerprint() const = 0;
};

/// The embedded model, which must outlive it.
std::unique_ptr<ServedModel> serve_embedded(llm::EmbeddedLlm& model);

}  // namespace llama4rec::service
