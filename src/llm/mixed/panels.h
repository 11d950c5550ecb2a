// Products of bfloat16 matrices that exist for one training step only: packed on the way, multiplied tile by tile (engine/tile.h).
#pragma once

#include <cstdint>
#include <vector>

#include "llm/engine/packed_matrix.h"
#include "llm/engine/precision.h"

namespace llama4rec::llm::mixed {

/// `n` rounded up to a multiple of `unit`.
constexpr std::int64_t whole(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

/// At least `count` values in memory that keeps its size from call to call. What it holds is left from the last use.
template <class T>
T* scratch(std::vector<T>& memory, std::int64_t count) {
  if (static_cast<std::int64_t>(memory.size()) < count) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

/// to[i] = from[i], to the nearest.
void narrow_row(const float* from, std::int64_t count, Bfloat16Bits* to);
std::vector<Bfloat16Bits> narrowed(const float* from, std::int64_t count);

/// Rows side by side, two by two: panels [pairs of rows][32 columns][2] of 32 columns each, `panel_stride` values from one to the next.
/// A missing last row and missing columns are zero. from [rows, columns] with `stride` values from row to row.
void pack_pairs(const Bfloat16Bits* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                Bfloat16Bits* to, std::int64_t panel_stride);

/// Up to 32 rows as the outputs of one panel [columns / 2][32][2]; missing ones are zero. `columns` is even.
void pack_rows(const Bfloat16Bits* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
               Bfloat16Bits* to);

/// y [rows, 32 * count] = or += x [rows, in] by `count` panels [in / 2][32][2]. `in` is even.
void multiply_panels(const Bfloat16Bits* x, std::int64_t x_stride, std::int64_t rows, const Bfloat16Bits* panels,
                     std::int64_t panel_stride, std::int64_t count, std::int64_t in, float* y, std::int64_t y_stride,
                     Into into);

/// y [32, width] = or += the sum over `pairs` of rows of dy's panel (as pack_pairs makes it) by x's panels, for width = 32 * count inputs.
/// Of the 32 outputs the first `outputs` are written, of the inputs the first `width`.
void multiply_pairs(const Bfloat16Bits* dy, std::int64_t outputs, const Bfloat16Bits* x, std::int64_t x_panel_stride,
                    std::int64_t width, std::int64_t pairs, float* y, std::int64_t y_stride, Into into);

/// gradient [out, in] = or += the sum over rows of dy[row, out] x[row, in]. dy and x with `stride` values from row to row. Shares the threads
/// over the outputs where it is not already called from one of several; the result does not depend on that.
void gradient_of_matrix(const Bfloat16Bits* dy, std::int64_t dy_stride, const Bfloat16Bits* x, std::int64_t x_stride,
                        std::int64_t rows, std::int64_t out, std::int64_t in, float* gradient, Into into);

}  // namespace llama4rec::llm::mixed
