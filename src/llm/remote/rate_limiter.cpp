#include "llm/remote/rate_limiter.h"

#include <algorithm>

namespace llama4rec::llm {
namespace {

constexpr double kMinute = 60;
constexpr double kStart = 0.1;

}  // namespace

RateLimiter::Bucket RateLimiter::bucket(std::int64_t per_minute, double least) {
  const auto amount = static_cast<double>(per_minute);
  return {
      .per_second = amount / kMinute, .capacity = amount, .level = std::min(amount, std::max(least, kStart * amount))};
}

RateLimiter::RateLimiter(std::int64_t requests_per_minute, std::int64_t tokens_per_minute, double now)
    : requests_(bucket(requests_per_minute, 1)), tokens_(bucket(tokens_per_minute, 0)), refilled_(now) {}

double RateLimiter::shortage(const Bucket& bucket, double amount) {
  if (bucket.per_second <= 0) return 0;
  return std::max(0.0, (std::min(amount, bucket.capacity) - bucket.level) / bucket.per_second);
}

void RateLimiter::refill(double now) {
  const double seconds = std::max(0.0, now - refilled_);
  refilled_ = std::max(now, refilled_);
  for (Bucket* it : {&requests_, &tokens_}) it->level = std::min(it->capacity, it->level + seconds * it->per_second);
}

double RateLimiter::wait(std::int64_t tokens, double now) {
  refill(now);
  const double seconds = std::max(shortage(requests_, 1), shortage(tokens_, static_cast<double>(tokens)));
  constexpr double kRounding = 1e-6;  // a bucket that lacks a millionth is full
  return seconds < kRounding ? 0 : seconds;
}

void RateLimiter::take(std::int64_t tokens, double now) {
  refill(now);
  if (requests_.per_second > 0) requests_.level -= 1;
  if (tokens_.per_second > 0) tokens_.level -= static_cast<double>(tokens);
}

void RateLimiter::settle(std::int64_t charged, std::int64_t used) {
  if (tokens_.per_second <= 0) return;
  tokens_.level = std::min(tokens_.capacity, tokens_.level + static_cast<double>(charged - used));
}

}  // namespace llama4rec::llm
