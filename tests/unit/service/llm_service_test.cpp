// The service over a model that does as it is told: answers, limits, keys, refusals, the queue, a clean end.
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/service/service_fixture.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;
using testing::document_of;
using testing::Fixture;
using ::testing::HasSubstr;
using testing::ObedientModel;
using ::testing::StartsWith;

TEST(LlmService, AnswersAChoiceWithItsLogProbabilities) {
  const Fixture it;
  const auto result =
      it.post(Fixture::chat("hi", R"(, "guided_choice": ["a", "b"], "logprobs": true, "top_logprobs": 2)"));
  ASSERT_EQ(result->status, 200);
  const auto document = document_of(result);
  EXPECT_EQ(document["object"], "chat.completion");
  const auto& choice = document["choices"][0];
  EXPECT_EQ(choice["message"]["content"], "b");
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["logprobs"]["content"][0]["token"], "b");
  EXPECT_EQ(choice["logprobs"]["content"][0]["logprob"], -0.25);
  EXPECT_EQ(choice["logprobs"]["content"][0]["top_logprobs"][1]["token"], "a");
  EXPECT_EQ(document["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(document["usage"]["completion_tokens"], 3);
  EXPECT_EQ(document["usage"]["total_tokens"], 5);
}

TEST(LlmService, AnswersStructuredOutputsAndRefusesTheirOtherMembers) {
  const Fixture it;
  const auto chosen = it.post(Fixture::chat("hi", R"(, "structured_outputs": {"choice": ["a", "b"]})"));
  ASSERT_EQ(chosen->status, 200);
  EXPECT_EQ(document_of(chosen)["choices"][0]["message"]["content"], "b");
  const auto schema = it.post(Fixture::chat("hi", R"(, "structured_outputs": {"json": {"enum": ["a", "b"]}})"));
  EXPECT_EQ(document_of(schema)["choices"][0]["message"]["content"], "\"b\"");
  const auto refused = it.post(Fixture::chat("hi", R"(, "structured_outputs": {"grammar": "root ::= \"a\""})"));
  EXPECT_EQ(refused->status, 400);
  EXPECT_EQ(document_of(refused)["error"]["param"], "structured_outputs");
}

TEST(LlmService, GivesFreeTextWithLogProbabilitiesPerToken) {
  const Fixture it;
  const auto result = it.post(R"({"model": "m", "prompt": "hi", "max_tokens": 4, "logprobs": 0})", "/v1/completions");
  const auto document = document_of(result);
  EXPECT_EQ(document["object"], "text_completion");
  EXPECT_EQ(document["choices"][0]["text"], "0123");
  EXPECT_EQ(document["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(document["choices"][0]["logprobs"]["tokens"], json::parse(R"(["0", "1", "2", "3"])"));
  EXPECT_EQ(document["choices"][0]["logprobs"]["token_logprobs"], json::parse("[-0.5, -0.5, -0.5, -0.5]"));
  EXPECT_EQ(document["choices"][0]["logprobs"]["text_offset"], json::parse("[0, 1, 2, 3]"));
  const auto ended = document_of(it.post(Fixture::chat("hi", R"(, "max_tokens": 100, "logprobs": true)")));
  EXPECT_EQ(ended["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(ended["choices"][0]["logprobs"]["content"].size(), 36U);
}

TEST(LlmService, AnswersWhatWaitsAsOneBatch) {
  Fixture it;
  it.model.close();
  std::vector<std::future<int>> waiting;
  waiting.push_back(std::async(std::launch::async, [&] { return it.post(Fixture::chat("first"))->status; }));
  it.model.wait_until_entered(1);
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(std::async(std::launch::async, [&] { return it.post(Fixture::chat("more"))->status; }));
  }
  it.wait_until_waiting(5);
  it.model.open();
  for (auto& status : waiting) EXPECT_EQ(status.get(), 200);
  EXPECT_EQ(it.model.steps, 2);
  EXPECT_EQ(it.model.largest_batch, 5);
}

TEST(LlmService, AFullQueueIsRefusedWithRetryAfter) {
  Fixture it({.queue = 1, .batch = 1});
  it.model.close();
  auto running = std::async(std::launch::async, [&] { return it.post(Fixture::chat("a"))->status; });
  it.model.wait_until_entered(1);
  auto waiting = std::async(std::launch::async, [&] { return it.post(Fixture::chat("b"))->status; });
  it.wait_until_waiting(1);
  const auto refused = it.post(Fixture::chat("c"));
  EXPECT_EQ(refused->status, 429);
  EXPECT_GE(std::stoi(refused->get_header_value("Retry-After")), 1);
  EXPECT_EQ(document_of(refused)["error"]["type"], "rate_limit_error");
  it.model.open();
  EXPECT_EQ(running.get(), 200);
  EXPECT_EQ(waiting.get(), 200);
}

TEST(LlmService, DrainingFinishesWhatRunsAndRefusesTheRest) {
  Fixture it;
  it.model.close();
  auto running = std::async(std::launch::async, [&] { return it.post(Fixture::chat("a"))->body; });
  it.model.wait_until_entered(1);
  EXPECT_FALSE(it.service->drain(0.01));
  EXPECT_EQ(it.post(Fixture::chat("b"))->status, 503);
  EXPECT_EQ(it.client().Get("/health")->status, 503);
  it.model.open();
  EXPECT_TRUE(it.service->drain(10));
  EXPECT_THAT(running.get(), HasSubstr("free a"));
}

TEST(LlmService, EndingAtOnceLeavesNoClientWaiting) {
  Fixture it;
  it.model.close();
  auto running = std::async(std::launch::async, [&] { return it.post(Fixture::chat("a"))->status; });
  it.model.wait_until_entered(1);
  auto waiting = std::async(std::launch::async, [&] { return it.post(Fixture::chat("b"))->status; });
  it.wait_until_waiting(1);
  auto ending = std::async(std::launch::async, [&] { it.service.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  it.model.open();
  ending.get();
  EXPECT_EQ(running.get(), 200);
  EXPECT_EQ(waiting.get(), 503);
}

TEST(LlmService, AKeyIsAskedForEverywhereButAtHealth) {
  const Fixture it({}, "sk-right");
  for (const char* header : {"", "Bearer sk-wrong", "Bearer sk-righ", "Bearer sk-right2", "sk-right", "Bearer "}) {
    const httplib::Headers headers{{"Authorization", header}};
    EXPECT_EQ(it.post(Fixture::chat("a"), "/v1/chat/completions", headers)->status, 401) << header;
    EXPECT_EQ(it.client().Get("/v1/models", headers)->status, 401);
    EXPECT_EQ(it.client().Get("/metrics", headers)->status, 401);
    EXPECT_EQ(it.client().Get("/health", headers)->status, 200);
  }
  const auto refused = it.post(Fixture::chat("a"));
  EXPECT_EQ(document_of(refused)["error"]["code"], "invalid_api_key");
  EXPECT_EQ(refused->body.find("sk-right"), std::string::npos);
  EXPECT_EQ(it.post(Fixture::chat("a"), "/v1/chat/completions", {{"Authorization", "Bearer sk-right"}})->status, 200);
}

TEST(LlmService, LimitsBodyAndPromptAndAnswer) {
  const Fixture it({.body_bytes = 2000, .prompt_tokens = 50, .answer_tokens = 180});
  const auto large = it.post(Fixture::chat(std::string(3000, 'x')));
  EXPECT_EQ(large->status, 413);
  EXPECT_THAT(document_of(large)["error"]["message"].get<std::string>(), HasSubstr("2000 bytes"));
  const auto long_prompt = it.post(Fixture::chat(std::string(51, 'x')));
  EXPECT_EQ(long_prompt->status, 400);
  EXPECT_EQ(document_of(long_prompt)["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(it.post(Fixture::chat("a", R"(, "max_tokens": 181)"))->status, 400);
  const auto together = it.post(Fixture::chat(std::string(40, 'x'), R"(, "max_tokens": 170)"));
  EXPECT_EQ(together->status, 400);
  EXPECT_THAT(document_of(together)["error"]["message"].get<std::string>(), HasSubstr("210 tokens"));
}

TEST(LlmService, WithoutALimitAnAnswerMayBeAsLongAsTheContextLeaves) {
  const Fixture it;
  EXPECT_EQ(it.post(Fixture::chat(std::string(190, 'x')))->status, 200);
}

TEST(LlmService, RefusesWhatItCannotRead) {
  const Fixture it;
  for (const char* body : {"", "{", "nonsense", "[1", "\xFF"}) {
    const auto result = it.post(body);
    EXPECT_EQ(result->status, 400) << body;
    EXPECT_EQ(document_of(result)["error"]["type"], "invalid_request_error");
  }
  EXPECT_EQ(it.post(std::string(100'000, '['))->status, 400);
  EXPECT_EQ(it.client().Get("/nowhere")->status, 404);
  EXPECT_EQ(document_of(it.client().Get("/nowhere"))["error"]["message"], "there is nothing at this path");
  EXPECT_EQ(it.post("{}", "/v1/models")->status, 404);
}

TEST(LlmService, OneBadRequestOfABatchDoesNotHurtTheOthers) {
  Fixture it;
  it.model.close();
  auto first = std::async(std::launch::async, [&] { return it.post(Fixture::chat("first"))->status; });
  it.model.wait_until_entered(1);
  auto good = std::async(std::launch::async, [&] { return it.post(Fixture::chat("good"))->status; });
  auto bad = std::async(std::launch::async, [&] { return it.post(Fixture::chat("impossible"))->status; });
  it.wait_until_waiting(2);
  it.model.open();
  EXPECT_EQ(first.get(), 200);
  EXPECT_EQ(good.get(), 200);
  EXPECT_EQ(bad.get(), 400);
  const auto defect = it.post(Fixture::chat("defect"));
  EXPECT_EQ(defect->status, 500);
  EXPECT_EQ(defect->body.find("/x/y"), std::string::npos) << "paths of this machine are for the log";
}

TEST(LlmService, TellsItsModelAndItsMetrics) {
  const Fixture it;
  const auto models = document_of(it.client().Get("/v1/models"));
  EXPECT_EQ(models["data"][0]["id"], "m");
  EXPECT_EQ(models["data"][0]["owned_by"], "llama4rec");
  EXPECT_EQ(models["data"][0]["max_model_len"], 200);
  EXPECT_EQ(models["data"][0]["llama4rec"]["fingerprint"], "f00");
  (void)it.post(Fixture::chat("hi"));
  (void)it.post("{");
  const auto metrics = it.client().Get("/metrics");
  EXPECT_THAT(metrics->get_header_value("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics->body, HasSubstr("llama4rec_requests_total{path=\"/v1/chat/completions\",status=\"200\"} 1\n"));
  EXPECT_THAT(metrics->body, HasSubstr("llama4rec_requests_total{path=\"/v1/chat/completions\",status=\"400\"} 1\n"));
  EXPECT_THAT(metrics->body, HasSubstr("llama4rec_prompt_tokens_total 2\n"));
  EXPECT_THAT(metrics->body, HasSubstr("llama4rec_answer_tokens_total 37\n"));
  EXPECT_THAT(metrics->body, HasSubstr("# TYPE llama4rec_request_seconds histogram\n"));
}

TEST(LlmService, AnAddressThatIsTakenIsSaid) {
  const Fixture it;
  ServeOptions options;
  options.host = "203.0.113.1";  // not of this machine
  ObedientModel model;
  EXPECT_THROW(LlmService(model, "m", options, ""), UsageError);
}

TEST(LlmService, KnowsLoopbackAddresses) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("10.1.2.3"));
}

}  // namespace
}  // namespace llama4rec::service
