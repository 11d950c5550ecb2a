#include "service/served_model.h"

#include <algorithm>
#include <utility>

#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"

namespace llama4rec::service {
namespace {

class ServedEmbedded : public ServedModel {
 public:
  explicit ServedEmbedded(llm::EmbeddedLlm& model) : model_(model) {}
  std::vector<std::int32_t> encode(const PromptText& prompt) override { return model_.encode(prompt); }
  std::string decode(std::span<const std::int32_t> tokens) override { return model_.decode(tokens); }
  [[nodiscard]] std::int64_t context_length() const override { return model_.context_length(); }
  [[nodiscard]] std::string fingerprint() const override { return model_.fingerprint(); }

 protected:
  llm::EmbeddedLlm& model_;  // NOLINT(misc-non-private-member-variables-in-classes)
};

class ServedByEngine final : public ServedEmbedded {
 public:
  using ServedEmbedded::ServedEmbedded;
  std::int64_t begin(const CompletionRequest& request, std::span<const std::int32_t> prompt) override {
    return model_.engine().submit(request, prompt);
  }
  std::vector<llm::AnswerProgress> step() override { return model_.engine().step(); }
  void cancel(std::int64_t request) override { model_.engine().cancel(request); }
};

class ServedInTurns final : public ServedEmbedded {
 public:
  using ServedEmbedded::ServedEmbedded;

  std::int64_t begin(const CompletionRequest& request, std::span<const std::int32_t> prompt) override {
    model_.check(request, prompt);
    waiting_.push_back({.number = ++last_, .request = request, .prompt = {prompt.begin(), prompt.end()}});
    return last_;
  }

  std::vector<llm::AnswerProgress> step() override {
    if (waiting_.empty()) return {};
    auto news = bound_answers();
    if (news.empty()) {
      news.push_back(write(waiting_.front()));
      waiting_.erase(waiting_.begin());
    }
    return news;
  }

  void cancel(std::int64_t request) override {
    std::erase_if(waiting_, [&](const Waiting& it) { return it.number == request; });
  }

 private:
  struct Waiting {
    std::int64_t number = 0;
    CompletionRequest request;
    std::vector<std::int32_t> prompt;
    [[nodiscard]] bool bound() const { return request.grammar.kind != AnswerKind::kFreeText; }
  };

  std::vector<llm::AnswerProgress> bound_answers() {
    std::vector<CompletionRequest> requests;
    std::vector<llm::AnswerProgress> news;
    for (const auto& it : waiting_) {
      if (!it.bound()) continue;
      requests.push_back(it.request);
      news.push_back({.request = it.number});
    }
    auto answers = model_.complete(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) news[i].answer = std::move(answers[i]);
    std::erase_if(waiting_, [](const Waiting& it) { return it.bound(); });
    return news;
  }

  llm::AnswerProgress write(const Waiting& waiting) {
    auto text = model_.generate(waiting.prompt, waiting.request.maximum_tokens, waiting.request.sampling);
    const auto tokens = static_cast<std::int64_t>(text.tokens.size());
    return {.request = waiting.number,
            .tokens = std::move(text.tokens),
            .log_probabilities = std::move(text.log_probabilities),
            .answer = Completion{.text = std::move(text.text),
                                 .prompt_tokens = static_cast<std::int64_t>(waiting.prompt.size()),
                                 .answer_tokens = tokens + (text.ended ? 1 : 0)},
            .ended = text.ended};
  }

  std::vector<Waiting> waiting_;
  std::int64_t last_ = 0;
};

}  // namespace

std::unique_ptr<ServedModel> serve_in_turns(llm::EmbeddedLlm& model) { return std::make_unique<ServedInTurns>(model); }

std::unique_ptr<ServedModel> serve_embedded(llm::EmbeddedLlm& model) {
  if (!model.answers_alone()) return serve_in_turns(model);
  return std::make_unique<ServedByEngine>(model);
}

}  // namespace llama4rec::service
