// Seconds of a piece of work.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

namespace llama4rec::llm {

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The shortest of several; at least one.
inline double best_of(int times, const std::function<void()>& work) {
  double best = seconds_of(work);
  for (int i = 1; i < times; ++i) best = std::min(best, seconds_of(work));
  return best;
}

}  // namespace llama4rec::llm
