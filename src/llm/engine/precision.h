// The number formats in which the engine keeps weights, keys and values.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

namespace llama4rec::llm {

enum class Precision : std::uint8_t {
  kFloat32,
  kBfloat16,  ///< products of bfloat16 pairs, summed in float32
  kInt8,      ///< weights and inputs of products in 8 bits, with one factor per output and one per row, summed exactly
};

/// "float32", "bfloat16", "int8", or "auto": bfloat16 where the CPU multiplies it, float32 elsewhere. UsageError otherwise.
Precision parse_precision(const std::string& name);
std::string to_string(Precision precision);
/// The CPU has instructions for bfloat16, and this build uses them.
bool has_bfloat16();

/// In what keys and values are kept beside such weights: bfloat16 or float32.
Precision cache_precision(Precision weights);

/// The bits of a bfloat16 number.
using Bfloat16Bits = std::uint16_t;

inline float widen(Bfloat16Bits bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }
/// To the nearest, ties to even. NaN is not looked for.
inline Bfloat16Bits narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<Bfloat16Bits>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

}  // namespace llama4rec::llm
