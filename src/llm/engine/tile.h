// The innermost product of the engine: a few rows times a panel of 32 outputs. Everything the engine multiplies goes through
// here: projections, queries by keys, probabilities by values.
//
// Each output is one sum over the inputs in their order, whatever rows stand beside it: results do not depend on how rows are
// batched, cut into tiles or spread over threads.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/sixteen.h"
#include "llm/engine/panel.h"
#include "llm/engine/precision.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace llama4rec::llm {

/// Most rows of a tile, and halves of its panels whose sums are made at a time: as many as stay in the vector registers.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 8;
inline constexpr int kHalvesAtOnce = 2;
#define LLAMA4REC_TILE [[gnu::always_inline]] inline
#else
inline constexpr int kTileRows = 6;
inline constexpr int kHalvesAtOnce = 1;
#define LLAMA4REC_TILE [[gnu::noinline]]  // inlined, its sums would be kept in memory
#endif

using Vector16 = Sixteen<float>;
using Vector16i = Sixteen<std::int32_t>;

/// Sums of `R` rows by 32 outputs.
template <int R, class Sum = Vector16>
struct TileSums {
  Sum sum[R][2] = {};
};

/// How rows of X are multiplied with panels of W: one step is one input, or a few of them. `half`: which sixteen of a panel's outputs.
template <class X, class W>
struct TileStep;

/// A float32 panel [in][32].
template <>
struct TileStep<float, float> {
  static constexpr std::int64_t kInputs = 1;
  using Sum = Vector16;
  static Vector16 load(const float* panel, std::int64_t step, int half) {
    return load_sixteen(panel + step * kPanel + 16 * half);
  }
  static float factor(const float* x, std::int64_t step) { return x[step]; }
  static void add(Vector16& sum, const Vector16& weights, float factor) { sum += factor * weights; }
};

/// 8-bit weights from -127 to 127 in fours [in / 4][32][4], inputs from 0 to 255: exact whole numbers.
template <>
struct TileStep<std::uint8_t, std::int8_t> {
  static constexpr std::int64_t kInputs = 4;
  using Sum = Vector16i;
  static std::int32_t four(const std::uint8_t* x, std::int64_t step) {
    std::int32_t values = 0;
    std::memcpy(&values, x + 4 * step, sizeof(values));
    return values;
  }
#if defined(__AVX512VNNI__)
  static __m512i load(const std::int8_t* panel, std::int64_t step, int half) {
    return _mm512_loadu_si512(panel + step * 4 * kPanel + 64 * half);
  }
  static __m512i factor(const std::uint8_t* x, std::int64_t step) { return _mm512_set1_epi32(four(x, step)); }
  static void add(Vector16i& sum, __m512i weights, __m512i factor) {
    sum.part[0] =
        reinterpret_cast<Vector16i::Part>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum.part[0]), factor, weights));
  }
#elif defined(__AVX2__) && !defined(__AVX512F__)
  /// The first and third of each four, and the second and fourth, as 16 bits: their products' sums in pairs are exact.
  struct Pairs {
    __m256i even;
    __m256i odd;
  };
  struct Weights {
    Pairs part[2];
  };
  static Weights load(const std::int8_t* panel, std::int64_t step, int half) {
    const auto pairs = [&](int i) {
      const auto* from = panel + step * 4 * kPanel + 64 * half + 32 * i;
      const __m256i fours = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      return Pairs{.even = _mm256_srai_epi16(_mm256_slli_epi16(fours, 8), 8), .odd = _mm256_srai_epi16(fours, 8)};
    };
    return {.part = { pairs(0), pairs(1) }};
  }
  static Pairs factor(const std::uint8_t* x, std::int64_t step) {
    const __m256i fours = _mm256_set1_epi32(four(x, step));
    return {.even = _mm256_and_si256(fours, _mm256_set1_epi16(0xFF)), .odd = _mm256_srli_epi16(fours, 8)};
  }
  static void add(Vector16i& sum, const Weights& weights, const Pairs& factor) {
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(weights.part[i].even, factor.even),
                                                _mm256_madd_epi16(weights.part[i].odd, factor.odd));
      sum.part[i] += reinterpret_cast<Vector16i::Part>(products);
    }
  }
#else
  /// The first, second, third and fourth of each four.
  struct Weights {
    Vector16i place[4];
  };
  static Weights load(const std::int8_t* panel, std::int64_t step, int half) {
    std::int32_t fours[16];
    std::memcpy(fours, panel + step * 4 * kPanel + 64 * half, sizeof(fours));
    const auto all = load_sixteen(fours);
    return {.place = {(all << 24) >> 24, (all << 16) >> 24, (all << 8) >> 24, all >> 24}};
  }
  static const std::uint8_t* factor(const std::uint8_t* x, std::int64_t step) { return x + 4 * step; }
  static void add(Vector16i& sum, const Weights& weights, const std::uint8_t* factor) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) sum += weights.place[k] * std::int32_t{factor[k]};
  }
#endif
};

/// A bfloat16 panel of pairs [in / 2][32][2]. Of a pair the second product is added first.
template <>
struct TileStep<Bfloat16Bits, Bfloat16Bits> {
  static constexpr std::int64_t kInputs = 2;
  using Sum = Vector16;
#if defined(__AVX512BF16__)
  static __m512bh load(const Bfloat16Bits* panel, std::int64_t step, int half) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + step * 2 * kPanel + 32 * half));
  }
  static __m512bh factor(const Bfloat16Bits* x, std::int64_t step) {
    std::int32_t two;
    std::memcpy(&two, x + 2 * step, sizeof(two));
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
  }
  static void add(Vector16& sum, __m512bh weights, __m512bh factor) {
    sum.part[0] =
        reinterpret_cast<Vector16::Part>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum.part[0]), weights, factor));
  }
#else
  template <class Values>
  struct Pair {
    Values first;
    Values second;
  };
  static Pair<Vector16> load(const Bfloat16Bits* panel, std::int64_t step, int half) {
    std::uint32_t pairs[16];
    std::memcpy(pairs, panel + step * 2 * kPanel + 32 * half, sizeof(pairs));
    const auto both = load_sixteen(pairs);
    return {.first = with_bits_of<float>(both << 16), .second = with_bits_of<float>(both & 0xFFFF0000U)};
  }
  static Pair<float> factor(const Bfloat16Bits* x, std::int64_t step) {
    return {.first = widen(x[2 * step]), .second = widen(x[2 * step + 1])};
  }
  static void add(Vector16& sum, const Pair<Vector16>& weights, const Pair<float>& factor) {
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
LLAMA4REC_TILE void accumulate(TileSums<R, typename TileStep<X, W>::Sum> (&sums)[P], const X* x, std::int64_t stride,
                               const W* const (&panels)[P], std::int64_t in, const Prefetch& prefetch = {}) {
  using Step = TileStep<X, W>;
#pragma GCC unroll 2
  for (int first = 0; first < 2; first += kHalvesAtOnce) {
    // Sums of the compiler's own, or it would write them to memory after every step.
    typename Step::Sum own[P][R][kHalvesAtOnce];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
      for (int row = 0; row < R; ++row) {
#pragma GCC unroll 2
        for (int half = 0; half < kHalvesAtOnce; ++half) own[p][row][half] = sums[p].sum[row][first + half];
      }
    }
    for (std::int64_t step = 0; step < in / Step::kInputs; ++step) {
      if (first == 0) prefetch(step);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int half = 0; half < kHalvesAtOnce; ++half) {
          const auto weights = Step::load(panels[p], step, first + half);
#pragma GCC unroll 8
          for (int row = 0; row < R; ++row) Step::add(own[p][row][half], weights, Step::factor(x + row * stride, step));
        }
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
      for (int row = 0; row < R; ++row) {
#pragma GCC unroll 2
        for (int half = 0; half < kHalvesAtOnce; ++half) sums[p].sum[row][first + half] = own[p][row][half];
      }
    }
  }
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
