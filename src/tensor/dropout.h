// Which elements dropout keeps: a function of a seed and of an element's place, so that no mask is ever stored. No libtorch here.
#pragma once

#include <cstdint>

namespace llama4rec::tensor {

/// A well mixed 32-bit value of an index (the finaliser of MurmurHash3).
inline std::uint32_t hashed(std::uint32_t index, std::uint32_t low, std::uint32_t high) {
  std::uint32_t h = (index ^ low) * 0x9E3779B1U + high;
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  h *= 0xC2B2AE35U;
  h ^= h >> 16;
  return h;
}

/// Dropout of a tensor.
class Dropout {
 public:
  /// `probability` in [0, 1): the share of elements that become zero.
  Dropout(double probability, std::uint64_t seed)
      : low_(static_cast<std::uint32_t>(seed)),
        high_(static_cast<std::uint32_t>(seed >> 32)),
        // Compared as 31-bit signed values: those compare fast.
        threshold_(static_cast<std::int32_t>(probability * 2147483648.0)),
        factor_(static_cast<float>(1.0 / (1.0 - probability))),
        active_(probability > 0) {}

  [[nodiscard]] bool active() const { return active_; }

  /// factors[i] = 1 / (1 - probability) where element first + i is kept, else 0. Plain values and a 32-bit counter: whole vectors of
  /// indices are hashed at once.
  void factors(float* __restrict to, std::uint32_t first, std::uint32_t count) const {
    const auto low = low_;
    const auto high = high_;
    const auto threshold = threshold_;
    const float factor = factor_;
#pragma omp simd
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto h = static_cast<std::int32_t>(hashed(first + i, low, high) >> 1);
      to[i] = h >= threshold ? factor : 0.0F;
    }
  }

 private:
  std::uint32_t low_;
  std::uint32_t high_;
  std::int32_t threshold_;
  float factor_;
  bool active_;
};

}  // namespace llama4rec::tensor
