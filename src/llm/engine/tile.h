// The innermost product of the engine: a few rows times a panel of 32 outputs. Everything the engine multiplies goes through
// here: projections, queries by keys, probabilities by values.
//
// Each output is one sum over the inputs in their order, whatever rows stand beside it: results do not depend on how rows are
// batched, cut into tiles or spread over threads.
#pragma once

#include <cstdint>
#include <cstring>

#include "llm/engine/precision.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace llama4rec::llm {

/// Outputs of a panel.
inline constexpr std::int64_t kPanel = 32;
/// Most rows of a tile.
inline constexpr int kTileRows = 8;

using Vector16 = float __attribute__((vector_size(64), aligned(4)));

/// Sums of `R` rows by 32 outputs.
template <int R>
struct TileSums {
  Vector16 sum[R][2] = {};
};

inline Vector16 splat(float value) {
  return Vector16{value, value, value, value, value, value, value, value,
                  value, value, value, value, value, value, value, value};
}

inline Vector16 load16(const float* from) {
  Vector16 value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

inline void store16(float* to, const Vector16& value) { std::memcpy(to, &value, sizeof(value)); }

/// sums += rows of x by a float32 panel [in][32].
template <int R>
inline void accumulate(TileSums<R>& sums, const float* x, std::int64_t stride, const float* panel, std::int64_t in) {
  for (std::int64_t i = 0; i < in; ++i) {
    const Vector16 low = load16(panel + i * kPanel);
    const Vector16 high = load16(panel + i * kPanel + 16);
#pragma GCC unroll 8
    for (int row = 0; row < R; ++row) {
      const Vector16 factor = splat(x[row * stride + i]);
      sums.sum[row][0] += factor * low;
      sums.sum[row][1] += factor * high;
    }
  }
}

/// sums += rows of x by a panel of 8-bit numbers [in][32].
template <int R>
inline void accumulate(TileSums<R>& sums, const float* x, std::int64_t stride, const std::int8_t* panel,
                       std::int64_t in) {
  for (std::int64_t i = 0; i < in; ++i) {
#if defined(__AVX512F__)
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + i * kPanel));
    const auto low = static_cast<Vector16>(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes))));
    const auto high =
        static_cast<Vector16>(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1))));
#else
    Vector16 low;
    Vector16 high;
    for (int j = 0; j < 16; ++j) {
      low[j] = static_cast<float>(panel[i * kPanel + j]);
      high[j] = static_cast<float>(panel[i * kPanel + 16 + j]);
    }
#endif
#pragma GCC unroll 8
    for (int row = 0; row < R; ++row) {
      const Vector16 factor = splat(x[row * stride + i]);
      sums.sum[row][0] += factor * low;
      sums.sum[row][1] += factor * high;
    }
  }
}

/// sums += rows of x by a bfloat16 panel of pairs [in / 2][32][2]; `in` and `stride` are even.
template <int R>
inline void accumulate(TileSums<R>& sums, const Bfloat16Bits* x, std::int64_t stride, const Bfloat16Bits* panel,
                       std::int64_t in) {
  for (std::int64_t pair = 0; pair < in / 2; ++pair) {
#if defined(__AVX512BF16__)
    const auto low = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + pair * 2 * kPanel));
    const auto high = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + pair * 2 * kPanel + 32));
#pragma GCC unroll 8
    for (int row = 0; row < R; ++row) {
      std::int32_t two;
      std::memcpy(&two, x + row * stride + 2 * pair, sizeof(two));
      const auto factor = reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
      sums.sum[row][0] = static_cast<Vector16>(_mm512_dpbf16_ps(static_cast<__m512>(sums.sum[row][0]), low, factor));
      sums.sum[row][1] = static_cast<Vector16>(_mm512_dpbf16_ps(static_cast<__m512>(sums.sum[row][1]), high, factor));
    }
#else
    const Bfloat16Bits* from = panel + pair * 2 * kPanel;
    for (int row = 0; row < R; ++row) {
      const float first = widen(x[row * stride + 2 * pair]);
      const float second = widen(x[row * stride + 2 * pair + 1]);
      for (int half = 0; half < 2; ++half) {
        for (int j = 0; j < 16; ++j) {
          const Bfloat16Bits* both = from + 2 * (16 * half + j);
          sums.sum[row][half][j] += first * widen(both[0]) + second * widen(both[1]);
        }
      }
    }
#endif
  }
}

/// Calls f.template operator()<R>() for R = rows, 1 to kTileRows.
template <class F>
inline void with_tile_rows(std::int64_t rows, const F& f) {
  switch (rows) {
    case 1:
      return f.template operator()<1>();
    case 2:
      return f.template operator()<2>();
    case 3:
      return f.template operator()<3>();
    case 4:
      return f.template operator()<4>();
    case 5:
      return f.template operator()<5>();
    case 6:
      return f.template operator()<6>();
    case 7:
      return f.template operator()<7>();
    default:
      return f.template operator()<8>();
  }
}

}  // namespace llama4rec::llm
