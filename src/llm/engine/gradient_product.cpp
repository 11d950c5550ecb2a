#include "llm/engine/gradient_product.h"

#include <algorithm>
#include <vector>

#include "llm/engine/tile.h"

namespace llama4rec::llm {
namespace {

/// Outputs whose pairs stay in the cache while all inputs pass.
constexpr std::int64_t kOutputBlock = 64;

std::int64_t whole(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

/// Two rows side by side, value by value: [pairs of rows][columns, padded][2]; a missing last row is zero.
void interleave(const float* from, std::int64_t rows, std::int64_t columns, std::int64_t padded,
                std::vector<Bfloat16Bits>& to) {
  to.assign(static_cast<std::size_t>(whole(rows, 2) * padded), 0);
  for (std::int64_t row = 0; row < rows; row += 2) {
    const float* first = from + row * columns;
    Bfloat16Bits* pairs = to.data() + row * padded;
    if (row + 1 < rows) {
      const float* second = first + columns;
#pragma omp simd
      for (std::int64_t i = 0; i < columns; ++i) {
        pairs[2 * i] = narrow(first[i]);
        pairs[2 * i + 1] = narrow(second[i]);
      }
    } else {
      for (std::int64_t i = 0; i < columns; ++i) pairs[2 * i] = narrow(first[i]);
    }
  }
}

/// Sums of R outputs by 32 inputs over all pairs of rows.
template <int R>
void tile(const Bfloat16Bits* dy, std::int64_t dy_step, const Bfloat16Bits* x, std::int64_t x_step, std::int64_t pairs,
          TileSums<R>& sums) {
  using Step = TileStep<Bfloat16Bits, Bfloat16Bits>;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const auto inputs = Step::load(x + pair * x_step, 0);
#pragma GCC unroll 8
    for (int output = 0; output < R; ++output) {
      const auto factor = Step::factor(dy + pair * dy_step + 2 * output, 0);
      Step::add(sums.sum[output][0], inputs.low, factor);
      Step::add(sums.sum[output][1], inputs.high, factor);
    }
  }
}

}  // namespace

void add_gradient_product(const float* dy, const float* x, std::int64_t rows, std::int64_t out, std::int64_t in,
                          float* gradient) {
  thread_local std::vector<Bfloat16Bits> dy_pairs;
  thread_local std::vector<Bfloat16Bits> x_pairs;
  const auto out_padded = whole(out, kTileRows);
  const auto in_padded = whole(in, kPanel);
  interleave(dy, rows, out, out_padded, dy_pairs);
  interleave(x, rows, in, in_padded, x_pairs);
  const auto pairs = (rows + 1) / 2;
  for (std::int64_t block = 0; block < out; block += kOutputBlock) {
    for (std::int64_t column = 0; column < in; column += kPanel) {
      const auto width = std::min(kPanel, in - column);
      for (auto first = block; first < std::min(out, block + kOutputBlock); first += kTileRows) {
        with_tile_rows(std::min<std::int64_t>(kTileRows, out - first), [&]<int R>() {
          TileSums<R> sums;
          tile<R>(dy_pairs.data() + 2 * first, 2 * out_padded, x_pairs.data() + 2 * column, 2 * in_padded, pairs, sums);
          for (int r = 0; r < R; ++r) {
            float* to = gradient + (first + r) * in + column;
            if (width == kPanel) {
              store16(to, load16(to) + sums.sum[r][0]);
              store16(to + 16, load16(to + 16) + sums.sum[r][1]);
            } else {
              for (std::int64_t i = 0; i < width; ++i) to[i] += sums.sum[r][i / 16][i % 16];
            }
          }
        });
      }
    }
  }
}

}  // namespace llama4rec::llm
