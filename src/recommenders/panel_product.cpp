#include "recommenders/panel_product.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace llama4rec::recommenders {
namespace {

constexpr int kTileLanes = static_cast<int>(kPanelColumns / kLaneWidth);
constexpr int kTileRows = 6;
/// Rows of a panel that stay in the cache while all rows of the left operand pass.
constexpr std::int64_t kDepth = 512;

struct Tile {
  const float* left;
  std::int64_t row_stride;
  std::int64_t column_stride;
  const float* panel;
  std::int64_t depth;
  float* result;
  std::int64_t result_stride;
  std::int64_t columns;  ///< of the result, at most kPanelColumns
  bool add;
};

template <int kRows>
void multiply_tile(const Tile& tile) {
  Lane sums[kRows][kTileLanes] = {};
  const float* left = tile.left;
  const float* right = tile.panel;
  for (std::int64_t k = 0; k < tile.depth; ++k, left += tile.column_stride, right += kPanelColumns) {
    Lane columns[kTileLanes];
#pragma GCC unroll 4
    for (int lane = 0; lane < kTileLanes; ++lane) load(columns[lane], right + lane * kLaneWidth);
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
      const float value = left[row * tile.row_stride];
#pragma GCC unroll 4
      for (int lane = 0; lane < kTileLanes; ++lane) sums[row][lane] += value * columns[lane];
    }
  }
  // Unrolled, or the sums would be kept in memory.
#pragma GCC unroll 6
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int lane = 0; lane < kTileLanes; ++lane) {
      float* to = tile.result + row * tile.result_stride + lane * kLaneWidth;
      const std::int64_t columns = std::min(kLaneWidth, tile.columns - lane * kLaneWidth);
      if (columns == kLaneWidth) {
        Lane before{};
        if (tile.add) load(before, to);
        store(to, before + sums[row][lane]);
      } else {
        float values[kLaneWidth];
        store(values, sums[row][lane]);
        for (std::int64_t n = 0; n < columns; ++n) to[n] = (tile.add ? to[n] : 0.0F) + values[n];
      }
    }
  }
}

void multiply_rows(Tile tile, std::int64_t rows) {
  for (; rows >= kTileRows; rows -= kTileRows) {
    multiply_tile<kTileRows>(tile);
    tile.left += kTileRows * tile.row_stride;
    tile.result += kTileRows * tile.result_stride;
  }
  switch (rows) {
    case 5:
      return multiply_tile<5>(tile);
    case 4:
      return multiply_tile<4>(tile);
    case 3:
      return multiply_tile<3>(tile);
    case 2:
      return multiply_tile<2>(tile);
    case 1:
      return multiply_tile<1>(tile);
    default:
      return;
  }
}

}  // namespace

void Panels::pack(const float* values, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
                  std::int64_t column_stride) {
  rows_ = rows;
  columns_ = columns;
  const std::int64_t panels = (columns + kPanelColumns - 1) / kPanelColumns;
  values_.resize(static_cast<std::size_t>(panels * rows * kPanelColumns + kLaneWidth));
  void* start = values_.data();
  std::size_t space = values_.size() * sizeof(float);
  first_ = static_cast<float*>(std::align(64, sizeof(float), start, space));
  float* to = first_;
  for (std::int64_t begin = 0; begin < columns; begin += kPanelColumns) {
    const std::int64_t count = std::min(kPanelColumns, columns - begin);
    const float* from = values + begin * column_stride;
    for (std::int64_t row = 0; row < rows; ++row, to += kPanelColumns, from += row_stride) {
      if (column_stride == 1) {
        std::copy_n(from, count, to);
      } else {
        for (std::int64_t n = 0; n < count; ++n) to[n] = from[n * column_stride];
      }
      std::fill(to + count, to + kPanelColumns, 0.0F);
    }
  }
}

void panel_product(const StridedMatrix& left, const Panels& right, float* result, std::int64_t result_stride,
                   Accumulate accumulate) {
  if (right.rows() == 0 && accumulate == Accumulate::kNo) {
    for (std::int64_t row = 0; row < left.rows; ++row) std::fill_n(result + row * result_stride, right.columns(), 0.0F);
  }
  for (std::int64_t first = 0; first < right.rows(); first += kDepth) {
    const std::int64_t depth = std::min(kDepth, right.rows() - first);
    std::int64_t number = 0;
    for (std::int64_t begin = 0; begin < right.columns(); begin += kPanelColumns, ++number) {
      multiply_rows({.left = left.values + first * left.column_stride,
                     .row_stride = left.row_stride,
                     .column_stride = left.column_stride,
                     .panel = right.panel(number) + first * kPanelColumns,
                     .depth = depth,
                     .result = result + begin,
                     .result_stride = result_stride,
                     .columns = std::min(kPanelColumns, right.columns() - begin),
                     .add = first > 0 || accumulate == Accumulate::kYes},
                    left.rows);
    }
  }
}

}  // namespace llama4rec::recommenders
