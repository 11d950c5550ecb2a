// Random numbers that are a function of a key and a counter: the same whatever is computed first, and sixteen at a time.
#pragma once

#include <cstdint>
#include <cstring>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

/// One key from a key and a further index (Steele, Lea and Flood's SplitMix64 finaliser).
inline std::uint64_t mixed_key(std::uint64_t key, std::uint64_t index) {
  std::uint64_t x = key + 0x9E3779B97F4A7C15ULL * (index + 1);
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

using UintLane = std::uint32_t __attribute__((vector_size(64)));

/// Sixteen numbers, uniform in [0, 1) in steps of 2^-24: those with the counters 16 c to 16 c + 15 of the key.
inline Lane uniform_lane(std::uint64_t key, std::uint32_t c) {
  const UintLane counters = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  UintLane h = (counters + (16 * c + static_cast<std::uint32_t>(key))) * 0x9E3779B1U;
  h ^= static_cast<std::uint32_t>(key >> 32U);
  h = (h ^ (h >> 15U)) * 0x85EBCA77U;
  h = (h ^ (h >> 13U)) * 0xC2B2AE3DU;
  h ^= h >> 16U;
  using SignedLane = std::int32_t __attribute__((vector_size(64)));
  const UintLane mantissa = h >> 8U;
  SignedLane whole;  // below 2^24, and signed conversion is one instruction everywhere
  std::memcpy(&whole, &mantissa, sizeof whole);
  return __builtin_convertvector(whole, Lane) * 0x1p-24F;
}

}  // namespace llama4rec::recommenders
