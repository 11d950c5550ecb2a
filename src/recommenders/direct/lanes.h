// Rows of float32, sixteen numbers at a time.
#pragma once

#include <cstdint>

#include "core/sixteen.h"

namespace llama4rec::recommenders {

inline constexpr std::int64_t kLaneWidth = 16;

using Lane = Sixteen<float>;

/// Row lengths are padded to whole lanes; the padding stays zero.
inline std::int64_t padded(std::int64_t columns) { return (columns + kLaneWidth - 1) / kLaneWidth * kLaneWidth; }

inline void load(Lane& lane, const float* from) { lane = load_sixteen(from); }
inline void store(float* to, const Lane& lane) { store_sixteen(to, lane); }

/// to += factor * from, over `length` values (whole lanes).
inline void add_scaled(float* to, float factor, const float* from, std::int64_t length) {
  for (std::int64_t n = 0; n < length; n += kLaneWidth) {
    Lane a;
    Lane b;
    load(a, to + n);
    load(b, from + n);
    a += factor * b;
    store(to + n, a);
  }
}

}  // namespace llama4rec::recommenders
