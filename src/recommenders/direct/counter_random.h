// Random numbers that are a function of a key and a counter: the same whatever is computed first, and sixteen at a time.
#pragma once

#include <cstdint>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

/// One key from a key and a further index (Steele, Lea and Flood's SplitMix64 finaliser).
inline std::uint64_t mixed_key(std::uint64_t key, std::uint64_t index) {
  std::uint64_t x = key + 0x9E3779B97F4A7C15ULL * (index + 1);
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

using UintLane = Sixteen<std::uint32_t>;

/// Thirty-two numbers, uniform in (0, 1) in steps of 2^-16: those of the key with the counters 32 pair to 32 pair + 31.
inline void uniform_lanes(std::uint64_t key, std::uint32_t pair, Lane& first, Lane& second) {
  constexpr std::uint32_t kCounters[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const UintLane counters = load_sixteen(kCounters);
  UintLane h = (counters + (16 * pair + static_cast<std::uint32_t>(key))) * 0x9E3779B1U;
  h ^= static_cast<std::uint32_t>(key >> 32U);
  h = (h ^ (h >> 15)) * 0x85EBCA77U;
  h = (h ^ (h >> 13)) * 0xC2B2AE3DU;
  h ^= h >> 16;
  // Signed conversion is one instruction everywhere.
  const auto uniform = [](const UintLane& bits) {
    return convert<float>(with_bits_of<std::int32_t>(bits)) * 0x1p-16F + 0x1p-17F;
  };
  first = uniform(h & 0xFFFFU);
  second = uniform(h >> 16);
}

/// Sixteen of them: those with the counters 16 c to 16 c + 15.
inline Lane uniform_lane(std::uint64_t key, std::uint32_t c) {
  Lane first;
  Lane second;
  uniform_lanes(key, c / 2, first, second);
  return c % 2 == 0 ? first : second;
}

}  // namespace llama4rec::recommenders
