// Arithmetic on sixteen samples at a time, beyond direct/lanes.h.
#pragma once

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

/// Pairwise, so that the order is fixed and the error small.
inline float lane_sum(const Lane& lane) {
  float halves[kLaneWidth];
  store(halves, lane);
  for (std::int64_t width = kLaneWidth / 2; width > 0; width /= 2) {
    for (std::int64_t n = 0; n < width; ++n) halves[n] += halves[n + width];
  }
  return halves[0];
}

/// The larger of two values. A NaN of `a` stays, so that a relu does not hide that training has diverged.
inline Lane lane_maximum(const Lane& a, const Lane& b) { return select(b > a, b, a); }

/// e^x within about 2e-7 of itself, for x <= 88; below -87 it is e^-87, which is as good as 0 beside e^0.
[[gnu::always_inline]] inline Lane lane_exp(Lane x) {
  constexpr float kLog2e = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // ln 2 in two parts (Cody and Waite), so that the remainder is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  x = select(x < -87.0F, Lane{} - 87.0F, x);
  const Lane whole = (x * kLog2e + kRound) - kRound;
  const Lane r = (x - whole * kLn2High) - whole * kLn2Low;
  // Taylor's coefficients; |r| <= ln 2 / 2.
  Lane p = r * (1.0F / 5040) + (1.0F / 720);
  p = p * r + (1.0F / 120);
  p = p * r + (1.0F / 24);
  p = p * r + (1.0F / 6);
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * with_bits_of<float>((convert<std::int32_t>(whole) + 127) << 23);
}

}  // namespace llama4rec::recommenders
