#include "llm/mixed/panels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "llm/engine/tile.h"

namespace llama4rec::llm::mixed {
namespace {

/// Pairs of rows that a gradient's tiles sum up at a time: a panel of them, beside another, stays in the first cache.
constexpr std::int64_t kPairBlock = 128;

using Step = TileStep<Bfloat16Bits, Bfloat16Bits>;

/// Sums of R outputs by 32 inputs over `pairs` pairs of rows.
template <int R>
TileSums<R> sum_pairs(const Bfloat16Bits* dy, const Bfloat16Bits* x, std::int64_t pairs) {
  TileSums<R> sums;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const auto low = Step::load(x, pair, 0);
    const auto high = Step::load(x, pair, 1);
#pragma GCC unroll 8
    for (int output = 0; output < R; ++output) {
      const auto factor = Step::factor(dy + pair * 2 * kPanel + 2 * output, 0);
      Step::add(sums.sum[output][0], low, factor);
      Step::add(sums.sum[output][1], high, factor);
    }
  }
  return sums;
}

/// The first `width` of 32 sums.
void put(Vector16 low, Vector16 high, float* to, std::int64_t width, Into into) {
  if (width == kPanel) {
    if (into == Into::kAdd) {
      low += load_sixteen(to);
      high += load_sixteen(to + 16);
    }
    store_sixteen(to, low);
    store_sixteen(to + 16, high);
    return;
  }
  for (std::int64_t i = 0; i < width; ++i) {
    const float value = i < 16 ? low[i] : high[i - 16];
    to[i] = into == Into::kAdd ? to[i] + value : value;
  }
}

/// Values of two rows side by side, of 32 columns; missing ones are zero.
void put_pairs(const Bfloat16Bits* first, const Bfloat16Bits* second, std::int64_t width, Bfloat16Bits* to) {
  std::uint32_t both[kPanel];
  if (width == kPanel && second != nullptr) {
#pragma omp simd
    for (std::int64_t i = 0; i < kPanel; ++i) both[i] = first[i] | static_cast<std::uint32_t>(second[i]) << 16U;
  } else {
    std::fill(both, both + kPanel, 0U);
    for (std::int64_t i = 0; i < width; ++i) {
      both[i] = first[i] | (second != nullptr ? static_cast<std::uint32_t>(second[i]) << 16U : 0U);
    }
  }
  std::memcpy(to, both, sizeof(both));
}

}  // namespace

void narrow_row(const float* from, std::int64_t count, Bfloat16Bits* to) {
  std::int64_t i = 0;
#if defined(__AVX512BF16__)
  for (; i + 16 <= count; i += 16) {
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
    std::memcpy(to + i, &rounded, sizeof(rounded));
  }
#endif
  for (; i < count; ++i) to[i] = narrow(from[i]);
}

std::vector<Bfloat16Bits> narrowed(const float* from, std::int64_t count) {
  std::vector<Bfloat16Bits> to(static_cast<std::size_t>(count));
  narrow_row(from, count, to.data());
  return to;
}

void pack_pairs(const Bfloat16Bits* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                Bfloat16Bits* to, std::int64_t panel_stride) {
  for (std::int64_t column = 0; column < columns; column += kPanel) {
    const auto width = std::min(kPanel, columns - column);
    Bfloat16Bits* panel = to + column / kPanel * panel_stride;
    for (std::int64_t row = 0; row < rows; row += 2) {
      const Bfloat16Bits* first = from + row * stride + column;
      put_pairs(first, row + 1 < rows ? first + stride : nullptr, width, panel + row * kPanel);
    }
  }
}

void pack_rows(const Bfloat16Bits* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
               Bfloat16Bits* to) {
  for (std::int64_t pair = 0; pair < columns / 2; ++pair) {
    std::uint32_t both[kPanel] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      std::memcpy(&both[row], from + row * stride + 2 * pair, sizeof(std::uint32_t));
    }
    std::memcpy(to + pair * 2 * kPanel, both, sizeof(both));
  }
}

void multiply_panels(const Bfloat16Bits* x, std::int64_t x_stride, std::int64_t rows, const Bfloat16Bits* panels,
                     std::int64_t panel_stride, std::int64_t count, std::int64_t in, float* y, std::int64_t y_stride,
                     Into into) {
  for (std::int64_t panel = 0; panel < count; ++panel) {
    const Bfloat16Bits* const weights[1] = {panels + panel * panel_stride};
    for (std::int64_t row = 0; row < rows; row += kTileRows) {
      with_tile_rows(std::min<std::int64_t>(kTileRows, rows - row), [&]<int R>() {
        TileSums<R> sums[1];
        accumulate<R, 1>(sums, x + row * x_stride, x_stride, weights, in);
        for (int r = 0; r < R; ++r) {
          put(sums[0].sum[r][0], sums[0].sum[r][1], y + (row + r) * y_stride + panel * kPanel, kPanel, into);
        }
      });
    }
  }
}

void multiply_pairs(const Bfloat16Bits* dy, std::int64_t outputs, const Bfloat16Bits* x, std::int64_t x_panel_stride,
                    std::int64_t width, std::int64_t pairs, float* y, std::int64_t y_stride, Into into) {
  for (std::int64_t column = 0; column < width; column += kPanel) {
    for (std::int64_t first = 0; first < outputs; first += kTileRows) {
      with_tile_rows(std::min<std::int64_t>(kTileRows, outputs - first), [&]<int R>() {
        const auto sums = sum_pairs<R>(dy + 2 * first, x + column / kPanel * x_panel_stride, pairs);
        for (int r = 0; r < R; ++r) {
          put(sums.sum[r][0], sums.sum[r][1], y + (first + r) * y_stride + column, std::min(kPanel, width - column),
              into);
        }
      });
    }
  }
}

void gradient_of_matrix(const Bfloat16Bits* dy, std::int64_t dy_stride, const Bfloat16Bits* x, std::int64_t x_stride,
                        std::int64_t rows, std::int64_t out, std::int64_t in, float* gradient, Into into) {
  const auto pairs = (rows + 1) / 2;
  const auto panel_size = pairs * 2 * kPanel;
  // The caller waits until all tasks are done.
  thread_local std::vector<Bfloat16Bits> x_memory;
  Bfloat16Bits* x_panels = scratch(x_memory, whole(in, kPanel) / kPanel * panel_size);
  const auto run_packing = [&](std::int64_t begin, std::int64_t end) {
    for (auto panel = begin; panel < end; ++panel) {
      const auto column = panel * kPanel;
      pack_pairs(x + column, x_stride, rows, std::min(kPanel, in - column), x_panels + panel * panel_size, panel_size);
    }
  };
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<Bfloat16Bits> dy_memory;
    Bfloat16Bits* dy_panel = scratch(dy_memory, panel_size);
    for (auto task = begin; task < end; ++task) {
      const auto first = task * kPanel;
      const auto outputs = std::min(kPanel, out - first);
      pack_pairs(dy + first, dy_stride, rows, outputs, dy_panel, panel_size);
      for (std::int64_t pair = 0; pair < pairs; pair += kPairBlock) {
        multiply_pairs(dy_panel + pair * 2 * kPanel, outputs, x_panels + pair * 2 * kPanel, panel_size, in,
                       std::min(kPairBlock, pairs - pair), gradient + first * in, in, pair == 0 ? into : Into::kAdd);
      }
    }
  };
  at::parallel_for(0, whole(in, kPanel) / kPanel, 1, run_packing);
  at::parallel_for(0, whole(out, kPanel) / kPanel, 1, run);
}

}  // namespace llama4rec::llm::mixed
