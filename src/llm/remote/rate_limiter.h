// Requests and tokens per minute.
#pragma once

#include <cstdint>

namespace llama4rec::llm {

/// Two token buckets that hold a minute's worth at most and refill evenly. They start with a tenth, so that the first minute
/// cannot see twice the limit. Time comes from the caller (seconds).
class RateLimiter {
 public:
  /// 0 = no limit.
  RateLimiter(std::int64_t requests_per_minute, std::int64_t tokens_per_minute, double now);
  /// Seconds until a request of so many tokens may be sent; 0 = now. A request larger than a minute's tokens waits for a
  /// full bucket.
  [[nodiscard]] double wait(std::int64_t tokens, double now);
  /// Takes a request out; `wait` must have said 0.
  void take(std::int64_t tokens, double now);
  /// Puts back what a request was charged too much, or takes what it was charged too little.
  void settle(std::int64_t charged, std::int64_t used);

 private:
  struct Bucket {
    double per_second = 0;  ///< 0 = no limit
    double capacity = 0;
    double level = 0;
  };
  static Bucket bucket(std::int64_t per_minute, double least);
  static double shortage(const Bucket& bucket, double amount);
  void refill(double now);

  Bucket requests_;
  Bucket tokens_;
  double refilled_;
};

}  // namespace llama4rec::llm
