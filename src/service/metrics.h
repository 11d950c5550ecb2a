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
  void count_batch(std::int64_t requests, double seconds);
  void count_tokens(std::int64_t prompt, std::int64_t answer);
  void set_waiting(std::int64_t requests);
  void set_running(std::int64_t requests);
  /// Seconds that a batch takes, the last ones counting most; 0 before the first.
  [[nodiscard]] double batch_seconds() const;
  /// Text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  static constexpr std::array<double, 8> kBounds{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> requests_;
  std::array<std::int64_t, kBounds.size() + 1> durations_{};
  double seconds_ = 0;
  std::int64_t batches_ = 0;
  std::int64_t batched_ = 0;
  double recent_batch_ = 0;
  std::int64_t prompt_tokens_ = 0;
  std::int64_t answer_tokens_ = 0;
  std::int64_t waiting_ = 0;
  std::int64_t running_ = 0;
};

}  // namespace llama4rec::service
