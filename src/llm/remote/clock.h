// Time behind an interface, so that tests of waiting need not wait.
#pragma once

#include <chrono>

namespace llama4rec::llm {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds from some fixed moment; never goes back.
  [[nodiscard]] virtual double now() const = 0;
  /// Seconds since 1970 (UTC): what an HTTP date is held against.
  [[nodiscard]] virtual double wall() const = 0;
};

/// The machine's.
class SystemClock : public Clock {
 public:
  [[nodiscard]] double now() const override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  [[nodiscard]] double wall() const override {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
};

}  // namespace llama4rec::llm
