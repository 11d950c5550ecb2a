// Seeded random streams: one per component, so that a change in one component's draws never changes another's.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

namespace llama4rec {

/// xoshiro256** (Blackman and Vigna, 2018) seeded through splitmix64. Same numbers on every platform.
class RandomStream {
 public:
  /// The stream of a component under a seed; `indices` tell repeated streams apart (an epoch, a thread, a user).
  RandomStream(std::uint64_t seed, std::string_view component, std::initializer_list<std::uint64_t> indices = {});

  /// Uniform over all 64-bit values.
  std::uint64_t next();
  /// Uniform integer in [0, bound), without bias; bound must be at least 1.
  std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  double uniform();
  /// Standard normal.
  double normal();

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

  /// State for exact resumption.
  [[nodiscard]] std::array<std::uint64_t, 4> state() const { return state_; }
  void restore(const std::array<std::uint64_t, 4>& state) { state_ = state; }

 private:
  std::array<std::uint64_t, 4> state_{};
};

/// The 64-bit seed behind such a stream, for libraries that seed their own generator (libtorch, sentencepiece).
std::uint64_t derived_seed(std::uint64_t seed, std::string_view component,
                           std::initializer_list<std::uint64_t> indices = {});

}  // namespace llama4rec
