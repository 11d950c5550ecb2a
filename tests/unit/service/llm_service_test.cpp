// The service over a model that does as it is told: limits, keys, streams, refusals, a clean end.
#include "service/llm_service.h"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Tokens are bytes. The prompt "hi" is continued with `continuation`, others with "free " and themselves, choices take the last option;
/// a gate holds steps back.
class ObedientModel : public ServedModel {
 public:
  std::vector<std::int32_t> encode(const PromptText& prompt) override {
    const auto bytes = prompt.joined();
    return {bytes.begin(), bytes.end()};
  }
  std::string decode(std::span<const std::int32_t> tokens) override {
    std::string bytes;
    for (const auto token : tokens) bytes += static_cast<char>(token);
    return text::to_valid_utf8(bytes);
  }
  std::int64_t begin(const CompletionRequest& request, std::span<const std::int32_t> prompt) override {
    const std::string bytes(prompt.begin(), prompt.end());
    if (bytes == "impossible") throw UsageError("request 0: impossible");
    running_[++last_] = {.request = request,
                         .text = bytes == "hi" ? continuation : "free " + bytes,
                         .prompt_tokens = static_cast<std::int64_t>(prompt.size())};
    return last_;
  }
  std::vector<llm::AnswerProgress> step() override {
    largest_batch = std::max(largest_batch.load(), static_cast<int>(running_.size()));
    ++steps;
    {
      std::unique_lock lock(mutex_);
      ++entered_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
    }
    if (pause_milliseconds > 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_milliseconds));
    std::vector<llm::AnswerProgress> news;
    for (auto& [number, it] : running_) {
      if (it.text == "free defect") {
        running_.clear();
        throw InternalError("secret path /x/y");
      }
      news.push_back(it.request.grammar.options.empty() ? write(number, it) : choose(number, it));
    }
    for (const auto& it : news) {
      if (it.answer) running_.erase(it.request);
    }
    return news;
  }
  void cancel(std::int64_t request) override {
    if (running_.erase(request) > 0) ++cancelled;
  }
  [[nodiscard]] std::int64_t context_length() const override { return 200; }
  [[nodiscard]] std::string fingerprint() const override { return "f00"; }

  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_until_entered(int times) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return entered_ >= times; }));
  }

  std::string continuation = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::size_t tokens_a_step = 16;
  int pause_milliseconds = 0;
  std::atomic<int> largest_batch = 0;
  std::atomic<int> steps = 0;
  std::atomic<int> cancelled = 0;

 private:
  struct Running {
    CompletionRequest request;
    std::string text;
    std::int64_t prompt_tokens = 0;
    std::size_t written = 0;
  };

  static llm::AnswerProgress choose(std::int64_t number, const Running& it) {
    Completion answer{.text = it.request.grammar.options.back(),
                      .order = {static_cast<std::int64_t>(it.request.grammar.options.size()) - 1},
                      .option_log_probabilities = {-1.5, -0.25},
                      .prompt_tokens = it.prompt_tokens,
                      .answer_tokens = 3};
    return {.request = number, .tokens = {}, .log_probabilities = {}, .answer = std::move(answer)};
  }

  llm::AnswerProgress write(std::int64_t number, Running& it) const {
    llm::AnswerProgress news{.request = number};
    const auto most = std::min(it.text.size(), static_cast<std::size_t>(it.request.maximum_tokens));
    for (std::size_t i = 0; i < tokens_a_step && it.written < most; ++i) {
      news.tokens.push_back(static_cast<unsigned char>(it.text[it.written++]));
      news.log_probabilities.push_back(-0.5);
    }
    if (it.written < most) return news;
    news.ended = it.text.size() < static_cast<std::size_t>(it.request.maximum_tokens);
    news.answer = Completion{.text = text::to_valid_utf8(it.text.substr(0, most)),
                             .prompt_tokens = it.prompt_tokens,
                             .answer_tokens = static_cast<std::int64_t>(most) + (news.ended ? 1 : 0)};
    return news;
  }

  std::map<std::int64_t, Running> running_;
  std::int64_t last_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int entered_ = 0;
};

struct Fixture {
  explicit Fixture(ServeOptions options = {}, const std::string& key = "") {
    options.port = 0;
    service = std::make_unique<LlmService>(model, "m", options, key);
  }
  [[nodiscard]] httplib::Client client() const {
    httplib::Client result("127.0.0.1", service->port());
    result.set_read_timeout(20, 0);
    return result;
  }
  [[nodiscard]] httplib::Result post(const std::string& body, const std::string& path = "/v1/chat/completions",
                                     const httplib::Headers& headers = {}) const {
    return client().Post(path, headers, body, "application/json");
  }
  void wait_until_waiting(int requests) const {
    const auto line = "llama4rec_waiting_requests " + std::to_string(requests) + "\n";
    for (int tries = 0; tries < 1000; ++tries) {
      if (client().Get("/metrics")->body.find(line) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << requests << " requests never waited";
  }
  static std::string chat(const std::string& prompt, const std::string& more = "") {
    return R"({"model": "m", "messages": [{"role": "user", "content": ")" + prompt + "\"}]" + more + "}";
  }
  ObedientModel model;
  std::unique_ptr<LlmService> service;
};

json document_of(const httplib::Result& result) { return json::parse(result->body); }

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

/// The documents of a stream.
std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> events;
  for (const auto part : text::split(body, "\n\n")) {
    if (part.empty()) continue;
    EXPECT_TRUE(part.starts_with("data: ")) << part;
    events.emplace_back(part.substr(6));
  }
  return events;
}

TEST(LlmService, StreamsTextAsItIsWritten) {
  Fixture it;
  it.model.continuation = "0123456789abcde\xC3\xA9xyz";  // a character over the border of two slices
  const auto result =
      it.post(Fixture::chat("hi", R"(, "stream": true, "max_tokens": 100, "stream_options": {"include_usage": true})"));
  ASSERT_EQ(result->status, 200);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/event-stream");
  const auto events = events_of(result->body);
  EXPECT_EQ(json::parse(events.front())["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events.back(), "[DONE]");
  const auto usage = json::parse(events[events.size() - 2]);
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 21) << "20 bytes and the end";
  const auto last = json::parse(events[events.size() - 3]);
  EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
  std::string text;
  std::set<std::string> ids;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const auto document = json::parse(events[i]);
    EXPECT_EQ(document["object"], "chat.completion.chunk");
    ids.insert(document["id"].get<std::string>());
    if (!document["choices"].empty()) text += document["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, it.model.continuation);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_GE(it.model.steps, 2);

  const auto plain =
      it.post(R"({"model": "m", "prompt": "hi", "stream": true, "guided_choice": ["a", "b"]})", "/v1/completions");
  EXPECT_EQ(json::parse(events_of(plain->body)[0])["choices"][0]["text"], "b");
}

TEST(LlmService, NeverStreamsHalfACharacter) {
  Fixture it;
  it.model.continuation = "a\xF0\x9F\x98\x80z\xC3\xA9";
  it.model.tokens_a_step = 1;
  it.model.pause_milliseconds = 5;  // so that pieces are not joined
  const auto result = it.post(Fixture::chat("hi", R"(, "stream": true, "max_tokens": 100)"));
  std::string text;
  for (const auto& event : events_of(result->body)) {
    if (event == "[DONE]") continue;
    const auto piece = json::parse(event)["choices"][0]["delta"].value("content", "");
    EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos);
    text += piece;
  }
  EXPECT_EQ(text, it.model.continuation);
}

TEST(LlmService, StreamsLogProbabilitiesWithTheirTokens) {
  Fixture it;
  it.model.tokens_a_step = 3;
  it.model.pause_milliseconds = 5;
  for (const bool sampled : {false, true}) {
    const auto more = std::string(sampled ? R"(, "temperature": 0.8)" : "");
    const auto chat = it.post(Fixture::chat("hi", R"(, "stream": true, "max_tokens": 100, "logprobs": true)" + more));
    std::string tokens;
    int pieces = 0;
    for (const auto& event : events_of(chat->body)) {
      if (event == "[DONE]") continue;
      const auto document = json::parse(event);
      const auto& choice = document["choices"][0];
      if (choice["logprobs"].is_null()) continue;
      ++pieces;
      std::string text;
      for (const auto& token : choice["logprobs"]["content"]) {
        text += token["token"].get<std::string>();
        EXPECT_EQ(token["logprob"], -0.5);
      }
      EXPECT_EQ(text, choice["delta"]["content"]) << "the piece's own tokens";
      tokens += text;
    }
    EXPECT_EQ(tokens, it.model.continuation) << "each once";
    EXPECT_GT(pieces, 1);
    const auto plain =
        it.post(R"({"model": "m", "prompt": "hi", "stream": true, "max_tokens": 100, "logprobs": 0)" + more + "}",
                "/v1/completions");
    std::vector<std::size_t> offsets;
    for (const auto& event : events_of(plain->body)) {
      if (event == "[DONE]") continue;
      const auto logprobs = json::parse(event)["choices"][0]["logprobs"];
      if (logprobs.is_null()) continue;
      EXPECT_EQ(logprobs["token_logprobs"].size(), logprobs["tokens"].size());
      for (const auto& offset : logprobs["text_offset"]) offsets.push_back(offset.get<std::size_t>());
    }
    ASSERT_EQ(offsets.size(), it.model.continuation.size());
    for (std::size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], i);
  }
}

TEST(LlmService, ALongTextHoldsNobodyUp) {
  Fixture it;
  it.model.continuation = std::string(150, 'x');
  it.model.tokens_a_step = 1;
  it.model.close();
  auto streamed = std::async(
      std::launch::async, [&] { return it.post(Fixture::chat("hi", R"(, "stream": true, "max_tokens": 150)"))->body; });
  it.model.wait_until_entered(1);
  auto choice = std::async(std::launch::async, [&] {
    const auto status = it.post(Fixture::chat("a", R"(, "guided_choice": ["a", "b"])"))->status;
    return std::pair{status, it.model.steps.load()};
  });
  it.wait_until_waiting(1);
  it.model.pause_milliseconds = 5;
  it.model.open();
  const auto [status, steps] = choice.get();
  EXPECT_EQ(status, 200);
  EXPECT_LT(steps, 150) << "of the long text";
  EXPECT_THAT(streamed.get(), HasSubstr("[DONE]"));
  EXPECT_GE(it.model.steps, 150);
}

TEST(LlmService, GivesUpAStreamWhoseClientHasGone) {
  Fixture it;
  it.model.continuation = std::string(190, 'x');
  it.model.tokens_a_step = 1;
  it.model.pause_milliseconds = 10;
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.set_header("Content-Type", "application/json");
  request.body = Fixture::chat("hi", R"(, "stream": true, "max_tokens": 190)");
  request.content_receiver = [](const char*, std::size_t, std::uint64_t, std::uint64_t) { return false; };
  (void)it.client().send(request);
  for (int tries = 0; tries < 500 && it.model.cancelled == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(it.model.cancelled, 1);
  EXPECT_LT(it.model.steps, 190);
  EXPECT_EQ(it.post(Fixture::chat("a"))->status, 200);
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
