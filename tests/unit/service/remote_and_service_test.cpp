// Client and server together: a model that is asked over HTTP answers as it does in this process.
#include <httplib.h>

#include <cmath>
#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "llm/embedded_llm.h"
#include "llm/remote/remote_llm.h"
#include "service/llm_service.h"
#include "unit/llm/support.h"

namespace llama4rec::service {
namespace {

using llm::EmbeddedLlm;
using llm::RemoteLlm;
using llm::RemoteOptions;
using llm::testing::TemporaryFolder;

class RemoteAndService : public ::testing::Test {
 protected:
  RemoteAndService()
      : model_(EmbeddedLlm::create(llm::testing::small_tokenizer_file(folder_), llm::testing::tiny_options(), 5,
                                   torch::kCPU)),
        served_(serve_embedded(*model_)),
        service_(*served_, "tiny", {.port = 0}, "") {}

  std::unique_ptr<RemoteLlm> connect(const std::string& constraint, const std::string& api = "chat") const {
    RemoteOptions options;
    options.endpoints = {fmt::format("http://127.0.0.1:{}/v1", service_.port())};
    options.model = "tiny";
    options.key_variable = "LLAMA4REC_NO_SUCH_VARIABLE";
    options.constraint = constraint;
    options.api = api;
    options.retries = 0;
    return RemoteLlm::connect(options, 1);
  }

  /// Rankings and ratings; prompts of several segments, or of one.
  static std::vector<CompletionRequest> requests(bool segments) {
    const auto& titles = llm::testing::titles();
    std::vector<CompletionRequest> result;
    for (std::size_t i = 0; i < 12; ++i) {
      const auto at = [&](std::size_t n) { return titles[(i * 3 + n) % titles.size()]; };
      CompletionRequest request{.prompt = {{"liked: ", at(0), "; ", at(1), "; "}}};
      if (!segments) request.prompt.segments = {request.prompt.joined()};
      if (i % 3 == 0) {
        request.grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3", "4", "5"}, .separator = ""};
      } else {
        request.grammar = {
            .kind = AnswerKind::kPermutation, .options = {at(2), at(3), at(4), at(5)}, .separator = "; "};
        if (i % 3 == 2) request.grammar.generate_first = 1;
      }
      result.push_back(std::move(request));
    }
    return result;
  }

  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedLlm> model_;
  std::unique_ptr<ServedModel> served_;
  LlmService service_;
};

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4);
}

TEST_F(RemoteAndService, AnswersAreThoseOfTheModelInThisProcess) {
  const auto asked = requests(true);
  const auto expected = model_->complete(asked, {});
  for (const char* api : {"chat", "completions"}) {
    const auto remote = connect("auto", api);
    EXPECT_EQ(remote->description().constraint, "native");
    EXPECT_EQ(remote->option_probabilities(), OptionProbabilities::kAll);
    EXPECT_EQ(remote->context_length(), model_->context_length());
    const auto found = remote->complete(asked, {});
    for (std::size_t i = 0; i < asked.size(); ++i) {
      EXPECT_EQ(found[i].order, expected[i].order) << i;
      EXPECT_EQ(found[i].text, expected[i].text);
      EXPECT_EQ(found[i].prompt_tokens, expected[i].prompt_tokens);
      expect_near(found[i].option_log_probabilities, expected[i].option_log_probabilities);
      expect_near(found[i].option_sequence_log_probabilities, expected[i].option_sequence_log_probabilities);
    }
    EXPECT_EQ(remote->account().answered, 12);
    EXPECT_EQ(remote->account().repaired, 0);
    EXPECT_EQ(remote->account().estimated_usages, 0);
  }
}

TEST_F(RemoteAndService, AnswersAreTheSameInTheFormsOfOtherEngines) {
  const auto asked = requests(false);
  const auto expected = model_->complete(asked, {});
  for (const char* constraint : {"guided_choice", "response_format"}) {
    const auto remote = connect(constraint);
    EXPECT_EQ(remote->option_probabilities(), OptionProbabilities::kChoices);
    const auto found = remote->complete(asked, {});
    for (std::size_t i = 0; i < asked.size(); ++i) {
      // Where the form needs JSON the prompt says so, and the first of an order is asked for as a choice, behind which nothing follows:
      // other questions, whose answers are as valid but need not be the same.
      const bool same_question = std::string(constraint) == "guided_choice" && i % 3 == 0;
      if (same_question) {
        EXPECT_EQ(found[i].order, expected[i].order) << i;
        expect_near(found[i].option_log_probabilities, expected[i].option_log_probabilities);
      }
      EXPECT_EQ(found[i].order.size(), expected[i].order.size());
      EXPECT_EQ(found[i].outcome, AnswerOutcome::kAnswered);
    }
    EXPECT_EQ(remote->account().repaired, 0) << "bound answers need no repair";
    EXPECT_EQ(remote->account().answered, 12);
  }
}

TEST_F(RemoteAndService, FreeTextIsTheSame) {
  const auto remote = connect("auto");
  const std::vector<CompletionRequest> asked{{.prompt = {{"liked: "}}, .maximum_tokens = 12}};
  const auto generated = model_->generate(model_->encode(asked[0].prompt), 12);
  EXPECT_EQ(remote->complete(asked, {})[0].text, generated.text);
}

TEST_F(RemoteAndService, SampledTextFollowsTheSeed) {
  httplib::Client client("127.0.0.1", service_.port());
  const auto sample = [&](int seed) {
    const auto body = fmt::format(
        R"({{"model": "tiny", "prompt": "liked: ", "max_tokens": 12, "temperature": 1.5, "seed": {}}})", seed);
    return nlohmann::json::parse(client.Post("/v1/completions", body, "application/json")->body)["choices"][0]["text"]
        .get<std::string>();
  };
  const std::vector<CompletionRequest> asked{
      {.prompt = {{"liked: "}}, .maximum_tokens = 12, .sampling = {.temperature = 1.5, .seed = 3}}};
  EXPECT_EQ(sample(3), model_->complete(asked, {})[0].text);
  EXPECT_NE(sample(3), sample(4));
}

TEST_F(RemoteAndService, TokensAndLogProbabilitiesAreTheSameWholeAndStreamed) {
  const auto prompt = model_->encode({{"liked: "}});
  const auto expected = model_->generate(prompt, 12);
  httplib::Client client("127.0.0.1", service_.port());
  for (const char* asked : {R"("liked: ")", "tokens"}) {
    const auto given = std::string(asked) == "tokens" ? nlohmann::json(prompt).dump() : std::string(asked);
    for (const bool stream : {false, true}) {
      const auto body = fmt::format(
          R"({{"model": "tiny", "prompt": {}, "max_tokens": 12, "logprobs": 0, "stream": {}}})", given, stream);
      const auto result = client.Post("/v1/completions", body, "application/json");
      ASSERT_EQ(result->status, 200) << result->body;
      std::vector<double> found;
      std::string text;
      for (auto line : text::split(result->body, "\n\n")) {
        if (line.starts_with("data: ")) line.remove_prefix(6);
        if (line.empty() || line == "[DONE]") continue;
        const auto choice = nlohmann::json::parse(line)["choices"][0];
        text += choice["text"].get<std::string>();
        if (choice["logprobs"].is_null()) continue;
        for (const auto& value : choice["logprobs"]["token_logprobs"]) found.push_back(value.get<double>());
      }
      EXPECT_EQ(text, expected.text);
      EXPECT_EQ(found, expected.log_probabilities) << "bit by bit: JSON carries doubles whole";
    }
  }
}

TEST_F(RemoteAndService, ManyStreamsAtATimeAreTheAnswersOfEachAlone) {
  std::vector<std::future<std::string>> answers;
  const auto body = [](std::size_t i, bool stream) {
    return fmt::format(
        R"({{"model": "tiny", "prompt": "liked: {}; ", "max_tokens": 40, "temperature": {}, "seed": {}, "stream": {}}})",
        llm::testing::titles()[i % 5], i % 2, i, stream);
  };
  const auto ask = [&](std::size_t i, bool stream) {
    httplib::Client client("127.0.0.1", service_.port());
    const auto result = client.Post("/v1/completions", body(i, stream), "application/json");
    std::string text;
    for (auto line : text::split(result->body, "\n\n")) {
      if (line.starts_with("data: ")) line.remove_prefix(6);
      if (!line.empty() && line != "[DONE]")
        text += nlohmann::json::parse(line)["choices"][0]["text"].get<std::string>();
    }
    return text;
  };
  constexpr std::size_t kStreams = 12;
  for (std::size_t i = 0; i < kStreams; ++i) answers.push_back(std::async(std::launch::async, ask, i, true));
  std::vector<std::string> found;
  for (auto& answer : answers) found.push_back(answer.get());
  for (std::size_t i = 0; i < kStreams; ++i) EXPECT_EQ(found[i], ask(i, false)) << i;
}

/// As a model on a GPU is served.
TEST_F(RemoteAndService, ServedInTurnsTheAnswersAreTheSame) {
  const auto in_turns = serve_in_turns(*model_);
  const auto prompt = model_->encode({{"liked: "}});
  const CompletionRequest text{.prompt = {}, .maximum_tokens = 12};
  const auto asked = requests(true);
  const auto first = in_turns->begin(text, prompt);
  const auto cancelled = in_turns->begin(text, prompt);
  const auto choice = in_turns->begin(asked[0], model_->encode(asked[0].prompt));
  in_turns->cancel(cancelled);
  EXPECT_THROW((void)in_turns->begin({.prompt = {}, .maximum_tokens = 1000}, prompt), UsageError);
  EXPECT_THROW((void)in_turns->begin(text, std::vector<std::int32_t>{100000}), UsageError);
  auto news = in_turns->step();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].request, choice);
  EXPECT_EQ(news[0].answer->order, model_->complete(asked, {})[0].order);
  news = in_turns->step();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].request, first);
  EXPECT_EQ(news[0].tokens, model_->generate(prompt, 12).tokens);
  EXPECT_EQ(news[0].answer->answer_tokens, 12);
  EXPECT_TRUE(in_turns->step().empty());
}

TEST_F(RemoteAndService, TheFingerprintIsThatOfTheWeights) {
  const auto one = connect("auto")->fingerprint();
  EXPECT_EQ(one, connect("auto")->fingerprint());
  const auto other =
      EmbeddedLlm::create(llm::testing::small_tokenizer_file(folder_), llm::testing::tiny_options(), 6, torch::kCPU);
  const auto other_served = serve_embedded(*other);
  const LlmService other_service(*other_served, "tiny", {.port = 0}, "");
  RemoteOptions options;
  options.endpoints = {fmt::format("http://127.0.0.1:{}/v1", other_service.port())};
  options.model = "tiny";
  options.key_variable = "LLAMA4REC_NO_SUCH_VARIABLE";
  EXPECT_NE(one, RemoteLlm::connect(options, 1)->fingerprint()) << "other weights under the same name";
  options.endpoints.push_back(fmt::format("http://127.0.0.1:{}/v1", service_.port()));
  EXPECT_THROW(RemoteLlm::connect(options, 1), UsageError) << "two endpoints, two models";
}

}  // namespace
}  // namespace llama4rec::service
