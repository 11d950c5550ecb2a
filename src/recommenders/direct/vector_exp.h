// Exponentials of whole rows.
#pragma once

#include <cmath>
#include <cstdint>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

/// exp(x) for -87 <= x <= 88 with a relative error below 3e-7; smaller x count as -87. The range is cut to |r| <= ln 2 / 2 by powers of
/// two, and r's exponential is its Taylor polynomial of degree 7.
[[gnu::always_inline]] inline Lane exp_lane(Lane x) {
  const Lane floor_at = Lane{} - 87.0F;
  x = select(x < floor_at, floor_at, x);
  const Lane half = Lane{} + 0.5F;
  const Lane scaled = x * 1.44269504F;
  // Truncation towards zero rounds to nearest when half is added with the sign.
  const auto power = convert<std::int32_t>(scaled + select(scaled < 0.0F, -half, half));
  const Lane whole = convert<float>(power);
  const Lane r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;  // ln 2 in two parts
  Lane sum = Lane{} + 1.0F / 5040.0F;
  sum = sum * r + 1.0F / 720.0F;
  sum = sum * r + 1.0F / 120.0F;
  sum = sum * r + 1.0F / 24.0F;
  sum = sum * r + 1.0F / 6.0F;
  sum = sum * r + 0.5F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  return sum * with_bits_of<float>((power + 127) << 23);
}

/// line[c] = exp(sharpness * (line[c] - 1)) for c in [0, count); returns their sum.
inline double exp_and_sum(float* line, std::int64_t count, float sharpness) {
  Lane sums{};
  std::int64_t c = 0;
  for (; c + kLaneWidth <= count; c += kLaneWidth) {
    Lane value;
    load(value, line + c);
    value = exp_lane(sharpness * (value - 1.0F));
    store(line + c, value);
    sums += value;
  }
  double total = 0;
  for (std::int64_t n = 0; n < kLaneWidth; ++n) total += static_cast<double>(sums[n]);
  if (c < count) {
    float rest[kLaneWidth] = {};
    for (std::int64_t n = 0; c + n < count; ++n) rest[n] = line[c + n];
    Lane value;
    load(value, rest);
    value = exp_lane(sharpness * (value - 1.0F));
    store(rest, value);
    for (std::int64_t n = 0; c + n < count; ++n) {
      line[c + n] = rest[n];
      total += static_cast<double>(rest[n]);
    }
  }
  return total;
}

}  // namespace llama4rec::recommenders
