// The innermost product of the engine: a few rows times a panel of 32 outputs. Everything the engine multiplies goes through
// here: projections, queries by keys, probabilities by values.
//
// Each output is one sum over the inputs in their order, whatever rows stand beside it: results do not depend on how rows are
// batched, cut into tiles or spread over threads.
#pragma once

#include <cstdint>
#include <cstring>

#include "llm/engine/panel.h"
#include "llm/engine/precision.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace llama4rec::llm {

/// Most rows of a tile.
inline constexpr int kTileRows = 8;

using Vector16 = float __attribute__((vector_size(64)));
using Vector16i = std::int32_t __attribute__((vector_size(64)));

/// Sums of `R` rows by 32 outputs.
template <int R, class Sum = Vector16>
struct TileSums {
  Sum sum[R][2] = {};
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

/// How rows of X are multiplied with panels of W: one step is one input, or a pair of them.
template <class X, class W>
struct TileStep;

/// A float32 panel [in][32].
template <>
struct TileStep<float, float> {
  static constexpr std::int64_t kInputs = 1;
  using Sum = Vector16;
  struct Weights {
    Vector16 low;
    Vector16 high;
  };
  static Weights load(const float* panel, std::int64_t step) {
    return {load16(panel + step * kPanel), load16(panel + step * kPanel + 16)};
  }
  static Vector16 factor(const float* x, std::int64_t step) { return splat(x[step]); }
  static void add(Vector16& sum, const Vector16& weights, const Vector16& factor) { sum += factor * weights; }
};

/// 8-bit weights from -127 to 127 in fours [in / 4][32][4], inputs from 0 to 255: exact whole numbers.
template <>
struct TileStep<std::uint8_t, std::int8_t> {
  static constexpr std::int64_t kInputs = 4;
  using Sum = Vector16i;
#if defined(__AVX512VNNI__)
  struct Weights {
    __m512i low;
    __m512i high;
  };
  static Weights load(const std::int8_t* panel, std::int64_t step) {
    return {_mm512_loadu_si512(panel + step * 4 * kPanel), _mm512_loadu_si512(panel + step * 4 * kPanel + 64)};
  }
  static __m512i factor(const std::uint8_t* x, std::int64_t step) {
    std::int32_t four;
    std::memcpy(&four, x + 4 * step, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  static void add(Vector16i& sum, __m512i weights, __m512i factor) {
    sum = reinterpret_cast<Vector16i>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), factor, weights));
  }
#else
  struct Weights {
    const std::int8_t* low;
    const std::int8_t* high;
  };
  static Weights load(const std::int8_t* panel, std::int64_t step) {
    return {panel + step * 4 * kPanel, panel + step * 4 * kPanel + 64};
  }
  static const std::uint8_t* factor(const std::uint8_t* x, std::int64_t step) { return x + 4 * step; }
  static void add(Vector16i& sum, const std::int8_t* weights, const std::uint8_t* factor) {
    for (int j = 0; j < 16; ++j) {
      for (int k = 0; k < 4; ++k) sum[j] += std::int32_t{weights[4 * j + k]} * std::int32_t{factor[k]};
    }
  }
#endif
};

/// A bfloat16 panel of pairs [in / 2][32][2]. Of a pair the second product is added first.
template <>
struct TileStep<Bfloat16Bits, Bfloat16Bits> {
  static constexpr std::int64_t kInputs = 2;
  using Sum = Vector16;
#if defined(__AVX512BF16__)
  struct Weights {
    __m512bh low;
    __m512bh high;
  };
  static Weights load(const Bfloat16Bits* panel, std::int64_t step) {
    return {reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + step * 2 * kPanel)),
            reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + step * 2 * kPanel + 32))};
  }
  static __m512bh factor(const Bfloat16Bits* x, std::int64_t step) {
    std::int32_t two;
    std::memcpy(&two, x + 2 * step, sizeof(two));
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
  }
  static void add(Vector16& sum, __m512bh weights, __m512bh factor) {
    sum = static_cast<Vector16>(_mm512_dpbf16_ps(static_cast<__m512>(sum), weights, factor));
  }
#else
  struct Pairs {
    Vector16 first;
    Vector16 second;
  };
  struct Weights {
    Pairs low;
    Pairs high;
  };
  static Weights load(const Bfloat16Bits* panel, std::int64_t step) {
    const auto pairs = [](const Bfloat16Bits* from) {
      Pairs both;
      for (int j = 0; j < 16; ++j) {
        both.first[j] = widen(from[2 * j]);
        both.second[j] = widen(from[2 * j + 1]);
      }
      return both;
    };
    return {pairs(panel + step * 2 * kPanel), pairs(panel + step * 2 * kPanel + 32)};
  }
  static Pairs factor(const Bfloat16Bits* x, std::int64_t step) {
    return {splat(widen(x[2 * step])), splat(widen(x[2 * step + 1]))};
  }
  static void add(Vector16& sum, const Pairs& weights, const Pairs& factor) {
    sum += factor.second * weights.second;  // in the order of the instruction
    sum += factor.first * weights.first;
  }
#endif
};

/// What `accumulate` asks for on its way: nothing.
struct NoPrefetch {
  void operator()(std::int64_t /*step*/) const {}
};

/// Asks for P panels that will be read later, line by line as the present ones are read: asked for all at once, they would stand in each
/// other's way.
template <int P, class W>
struct PanelPrefetch {
  const W* panels[P];
  void operator()(std::int64_t step) const {
    constexpr std::int64_t kBytes = kPanel * 4;  // of a step
    for (int p = 0; p < P; ++p) {
      const char* line = reinterpret_cast<const char*>(panels[p]) + step * kBytes;
      __builtin_prefetch(line);
      __builtin_prefetch(line + kBytes / 2);
    }
  }
};

/// sums[p] += R rows of x (`stride` from row to row) by panels[p], over `in` inputs (a multiple of a step's). Several panels at a time keep the
/// multipliers busy where rows are few.
template <int R, int P, class X, class W, class Prefetch = NoPrefetch>
[[gnu::always_inline]] inline void accumulate(TileSums<R, typename TileStep<X, W>::Sum> (&sums)[P], const X* x,
                                              std::int64_t stride, const W* const (&panels)[P], std::int64_t in,
                                              const Prefetch& prefetch = {}) {
  using Step = TileStep<X, W>;
  // Sums of the compiler's own, or it would write them to memory after every step.
  TileSums<R, typename Step::Sum> own[P];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) own[p] = sums[p];
  for (std::int64_t step = 0; step < in / Step::kInputs; ++step) {
    prefetch(step);
    decltype(Step::factor(x, step)) factors[R];
#pragma GCC unroll 8
    for (int row = 0; row < R; ++row) factors[row] = Step::factor(x + row * stride, step);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const auto weights = Step::load(panels[p], step);
#pragma GCC unroll 8
      for (int row = 0; row < R; ++row) {
        Step::add(own[p].sum[row][0], weights.low, factors[row]);
        Step::add(own[p].sum[row][1], weights.high, factors[row]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) sums[p] = own[p];
}

/// Panels that are taken at a time beside R rows.
template <int R>
inline constexpr int kPanelsBeside = R == 1   ? 4
                                     : R <= 3 ? 2
                                              : 1;

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
