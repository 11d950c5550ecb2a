#include "service/served_model.h"

#include "llm/embedded_llm.h"

namespace llama4rec::service {
namespace {

class ServedEmbedded : public ServedModel {
 public:
  explicit ServedEmbedded(llm::EmbeddedLlm& model) : model_(model) {}
  std::vector<Completion> complete(std::span<const CompletionRequest> requests) override {
    return model_.complete(requests, {});
  }
  std::vector<std::int32_t> encode(const PromptText& prompt) override { return model_.encode(prompt); }
  std::string decode(std::span<const std::int32_t> tokens) override { return model_.decode(tokens); }
  Continued proceed(std::span<const std::int32_t> tokens, std::int64_t maximum) override {
    auto generated = model_.generate(tokens, maximum);
    return {.tokens = std::move(generated.tokens), .log_probabilities = std::move(generated.log_probabilities)};
  }
  [[nodiscard]] std::int64_t context_length() const override { return model_.context_length(); }
  [[nodiscard]] std::string fingerprint() const override { return model_.fingerprint(); }

 private:
  llm::EmbeddedLlm& model_;
};

}  // namespace

std::unique_ptr<ServedModel> serve_embedded(llm::EmbeddedLlm& model) { return std::make_unique<ServedEmbedded>(model); }

}  // namespace llama4rec::service
