// What the service counts, as Prometheus reads it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace llama4rec::service {

/// Thread-safe.
class Metrics {
 public:
  void count_request(const std::string& path, int status, double seconds);
  /// A step of the model over so many requests.
  void count_step(std::int64_t requests);
  /// A finished answer: tokens, and seconds since the model began with it.
  void count_answer(std::int64_t prompt_tokens, std::int64_t answer_tokens, double seconds);
  /// Requests whose clients had gone.
  void count_given_up(std::int64_t requests);
  void set_waiting(std::int64_t requests);
  void set_running(std::int64_t requests);
  /// Seconds that an answer takes, the last ones counting most; 0 before the first.
  [[nodiscard]] double answer_seconds() const;
  /// Text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  static constexpr std::array<double, 8> kBounds{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> requests_;
  std::array<std::int64_t, kBounds.size() + 1> durations_{};
  double seconds_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t stepped_ = 0;
  std::int64_t answers_ = 0;
  double recent_answer_ = 0;
  std::int64_t prompt_tokens_ = 0;
  std::int64_t answer_tokens_ = 0;
  std::int64_t given_up_ = 0;
  std::int64_t waiting_ = 0;
  std::int64_t running_ = 0;
};

}  // namespace llama4rec::service
