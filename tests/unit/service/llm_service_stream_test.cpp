// Streams, and clients that leave before they have their answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"
#include "unit/llm/support.h"
#include "unit/service/service_fixture.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;
using testing::document_of;
using testing::Fixture;
using ::testing::HasSubstr;

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

/// A client that leaves without having read anything: it only shuts the socket, or resets the connection.
class LeavingClient {
 public:
  LeavingClient(int port, const std::string& body, const std::string& path = "/v1/chat/completions")
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const auto request =
        fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    path, body.size(), body);
    EXPECT_EQ(::send(socket_, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  }
  ~LeavingClient() { leave(); }
  LeavingClient(const LeavingClient&) = delete;
  LeavingClient& operator=(const LeavingClient&) = delete;
  LeavingClient(LeavingClient&&) = delete;
  LeavingClient& operator=(LeavingClient&&) = delete;

  void leave() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    leave();
  }

 private:
  int socket_;
};

constexpr const char* kGone = "llama4rec_requests_total{path=\"/v1/chat/completions\",status=\"499\"} 1";

/// Whole or streamed, closed or reset: all before the first token.
TEST(LlmService, GivesUpWhatRunsForAClientThatHasGone) {
  for (const bool stream : {false, true}) {
    for (const bool reset : {false, true}) {
      Fixture it;
      it.model.continuation = std::string(190, 'x');
      it.model.tokens_a_step = stream ? 0 : 1;  // a stream's first piece never comes
      it.model.pause_milliseconds = 20;
      const auto more = fmt::format(R"(, "stream": {}, "max_tokens": 190)", stream);
      LeavingClient client(it.service->port(), Fixture::chat("hi", more));
      it.model.wait_until_entered(15);  // the service has looked at the connection before, and has seen the client
      EXPECT_EQ(it.model.cancelled, 0);
      reset ? client.reset() : client.leave();
      it.wait_for_metric("llama4rec_given_up_requests_total 1");
      it.wait_for_metric("llama4rec_running_requests 0");
      it.wait_for_metric(kGone);
      EXPECT_EQ(it.model.cancelled, 1) << stream << reset;
      const int steps = it.model.steps;
      EXPECT_LT(steps, 190);
      EXPECT_THAT(it.metrics(), HasSubstr("llama4rec_answers_total 0\n"));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      EXPECT_EQ(it.model.steps, steps) << "nothing is left to do";
      it.model.tokens_a_step = 16;
      EXPECT_EQ(it.post(Fixture::chat("a"))->status, 200);
    }
  }
}

TEST(LlmService, AClientThatIsGoneFromTheStartIsNoticed) {
  Fixture it;
  it.model.close();
  LeavingClient(it.service->port(), Fixture::chat("a")).leave();
  it.model.wait_until_entered(1);
  it.wait_for_metric(kGone);
  it.model.open();
  EXPECT_EQ(it.post(Fixture::chat("b"))->status, 200);
}

TEST(LlmService, WhoeverWaitsIsAnsweredHoweverLongItTakes) {
  Fixture it;
  it.model.continuation = std::string(40, 'x');
  it.model.tokens_a_step = 1;
  it.model.pause_milliseconds = 20;
  auto client = it.client();
  client.set_keep_alive(true);
  for (int i = 0; i < 2; ++i) {  // over one connection
    const auto result =
        client.Post("/v1/chat/completions", Fixture::chat("hi", R"(, "max_tokens": 40)"), "application/json");
    ASSERT_EQ(result->status, 200);
    EXPECT_EQ(document_of(result)["choices"][0]["message"]["content"], it.model.continuation);
  }
  EXPECT_EQ(it.model.cancelled, 0);
  EXPECT_THAT(it.metrics(), HasSubstr("llama4rec_given_up_requests_total 0\n"));
}

TEST(LlmService, OneOfTwoClientsLeavesAndTheOtherIsAnswered) {
  Fixture it;
  it.model.close();
  auto stays = std::async(std::launch::async, [&] { return it.post(Fixture::chat("stays"))->body; });
  it.model.wait_until_entered(1);
  {
    const LeavingClient leaves(it.service->port(), Fixture::chat("leaves"));
    it.wait_until_waiting(1);
  }
  it.wait_for_metric(kGone);
  it.model.open();
  EXPECT_THAT(stays.get(), HasSubstr("free stays"));
  it.wait_for_metric("llama4rec_given_up_requests_total 1");
  EXPECT_EQ(it.model.cancelled, 0) << "it never reached the model";
  EXPECT_EQ(it.model.largest_batch, 1);
}

TEST(LlmService, WhoeverLeavesTheQueueMakesRoom) {
  Fixture it({.queue = 1, .batch = 1});
  it.model.close();
  auto running = std::async(std::launch::async, [&] { return it.post(Fixture::chat("a"))->status; });
  it.model.wait_until_entered(1);
  {
    const LeavingClient leaves(it.service->port(), Fixture::chat("leaves"));
    it.wait_until_waiting(1);
    EXPECT_EQ(it.post(Fixture::chat("refused"))->status, 429);
  }
  it.wait_for_metric(kGone);
  auto next = std::async(std::launch::async, [&] { return it.post(Fixture::chat("b"))->status; });
  it.wait_for_metric("llama4rec_given_up_requests_total 1");
  it.wait_until_waiting(1);
  it.model.open();
  EXPECT_EQ(running.get(), 200);
  EXPECT_EQ(next.get(), 200);
}

/// The real engine, which stops behind its first step until it is told to go on.
class EngineWithAGate : public ServedModel {
 public:
  explicit EngineWithAGate(llm::EmbeddedLlm& model) : model_(model), served_(serve_embedded(model)) {}
  std::vector<std::int32_t> encode(const PromptText& prompt) override { return served_->encode(prompt); }
  std::string decode(std::span<const std::int32_t> tokens) override { return served_->decode(tokens); }
  std::int64_t begin(const CompletionRequest& request, std::span<const std::int32_t> prompt) override {
    return served_->begin(request, prompt);
  }
  std::vector<llm::AnswerProgress> step() override {
    auto news = served_->step();
    if (steps++ == 0) {
      blocks_before = model_.engine().account().used_blocks;
      gate.get_future().wait();
    }
    return news;
  }
  void cancel(std::int64_t request) override {
    served_->cancel(request);
    blocks_after = model_.engine().account().used_blocks;
  }
  [[nodiscard]] std::int64_t context_length() const override { return served_->context_length(); }
  [[nodiscard]] std::string fingerprint() const override { return served_->fingerprint(); }

  std::promise<void> gate;
  std::atomic<int> steps = 0;
  std::atomic<std::int64_t> blocks_before = -1;
  std::atomic<std::int64_t> blocks_after = -1;

 private:
  llm::EmbeddedLlm& model_;
  std::unique_ptr<ServedModel> served_;
};

TEST(LlmService, AClientThatLeavesGivesItsBlocksOfKeysAndValuesBack) {
  const llm::testing::TemporaryFolder folder;
  const auto embedded = llm::EmbeddedLlm::create(llm::testing::small_tokenizer_file(folder),
                                                 llm::testing::tiny_options(), 5, torch::kCPU);
  EngineWithAGate model(*embedded);
  const LlmService service(model, "m", {.port = 0}, "");
  httplib::Client client("127.0.0.1", service.port());
  const auto until = [&](const std::string& line) {
    for (int tries = 0; tries < 1000; ++tries) {
      if (client.Get("/metrics")->body.find(line + "\n") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "never so: " << line;
  };
  {
    const LeavingClient leaves(service.port(), R"({"model": "m", "messages": [{"role": "user", "content": "liked: "}],
        "max_tokens": 100})");
    until("llama4rec_steps_total 1");
  }
  until(kGone);
  model.gate.set_value();
  until("llama4rec_running_requests 0");
  until("llama4rec_given_up_requests_total 1");
  EXPECT_GT(model.blocks_before, 0);
  EXPECT_EQ(model.blocks_after, 0);
  EXPECT_EQ(model.steps, 1) << "no step more";
}

}  // namespace
}  // namespace llama4rec::service
