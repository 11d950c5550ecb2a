// Time that has passed.
#pragma once

#include <chrono>

namespace llama4rec {

/// Seconds, unmoved by changes of the system's clock.
inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace llama4rec
