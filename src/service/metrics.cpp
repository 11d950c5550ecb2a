#include "service/metrics.h"

#include <algorithm>

#include <fmt/format.h>

namespace llama4rec::service {

void Metrics::count_request(const std::string& path, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{path, status}];
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  ++durations_[static_cast<std::size_t>(bucket)];
  seconds_ += seconds;
}

void Metrics::count_step(std::int64_t requests) {
  const std::lock_guard lock(mutex_);
  ++steps_;
  stepped_ += requests;
}

void Metrics::count_answer(std::int64_t prompt_tokens, std::int64_t answer_tokens, double seconds) {
  constexpr double kNewest = 0.2;
  const std::lock_guard lock(mutex_);
  recent_answer_ = answers_ == 0 ? seconds : (1 - kNewest) * recent_answer_ + kNewest * seconds;
  ++answers_;
  prompt_tokens_ += prompt_tokens;
  answer_tokens_ += answer_tokens;
}

void Metrics::count_given_up(std::int64_t requests) {
  const std::lock_guard lock(mutex_);
  given_up_ += requests;
}

void Metrics::set_waiting(std::int64_t requests) {
  const std::lock_guard lock(mutex_);
  waiting_ = requests;
}

void Metrics::set_running(std::int64_t requests) {
  const std::lock_guard lock(mutex_);
  running_ = requests;
}

double Metrics::answer_seconds() const {
  const std::lock_guard lock(mutex_);
  return recent_answer_;
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  const auto family = [&](const char* name, const char* type, const char* help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  };
  const auto single = [&](const char* name, const char* type, const char* help, auto value) {
    family(name, type, help);
    text += fmt::format("{} {}\n", name, value);
  };
  family("llama4rec_requests_total", "counter", "Requests by path and status.");
  for (const auto& [key, count] : requests_) {
    text += fmt::format("llama4rec_requests_total{{path=\"{}\",status=\"{}\"}} {}\n", key.first, key.second, count);
  }
  family("llama4rec_request_seconds", "histogram", "Seconds from a request's arrival to its response.");
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    below += durations_[i];
    text += fmt::format("llama4rec_request_seconds_bucket{{le=\"{}\"}} {}\n", kBounds[i], below);
  }
  below += durations_.back();
  text += fmt::format("llama4rec_request_seconds_bucket{{le=\"+Inf\"}} {}\n", below);
  text += fmt::format("llama4rec_request_seconds_sum {}\nllama4rec_request_seconds_count {}\n", seconds_, below);
  single("llama4rec_steps_total", "counter", "Steps that the model took.", steps_);
  single("llama4rec_stepped_requests_total", "counter", "Requests that were answered in these steps, summed.",
         stepped_);
  single("llama4rec_answers_total", "counter", "Answers that the model finished.", answers_);
  single("llama4rec_given_up_requests_total", "counter", "Requests that were given up, for their clients had gone.",
         given_up_);
  single("llama4rec_prompt_tokens_total", "counter", "Tokens of prompts.", prompt_tokens_);
  single("llama4rec_answer_tokens_total", "counter", "Tokens of answers.", answer_tokens_);
  single("llama4rec_waiting_requests", "gauge", "Requests in the queue.", waiting_);
  single("llama4rec_running_requests", "gauge", "Requests that the model is answering.", running_);
  return text;
}

}  // namespace llama4rec::service
