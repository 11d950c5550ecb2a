// What the service's tests share: a model that does as it is told, and the service over it.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "service/llm_service.h"

namespace llama4rec::service::testing {

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
    wait_for_metric("llama4rec_waiting_requests " + std::to_string(requests));
  }
  /// Until /metrics has the line.
  void wait_for_metric(const std::string& line) const {
    for (int tries = 0; tries < 1000; ++tries) {
      if (metrics().find(line + "\n") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "never so: " << line << "\n" << metrics();
  }
  [[nodiscard]] std::string metrics() const { return client().Get("/metrics")->body; }
  static std::string chat(const std::string& prompt, const std::string& more = "") {
    return R"({"model": "m", "messages": [{"role": "user", "content": ")" + prompt + "\"}]" + more + "}";
  }
  ObedientModel model;
  std::unique_ptr<LlmService> service;
};

inline nlohmann::json document_of(const httplib::Result& result) { return nlohmann::json::parse(result->body); }

}  // namespace llama4rec::service::testing
