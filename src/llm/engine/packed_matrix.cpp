#include "llm/engine/packed_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "llm/engine/tile.h"

namespace llama4rec::llm {
namespace {

/// Products below this many operations are not worth waking a second thread.
constexpr std::int64_t kParallelWork = 1 << 20;

torch::ScalarType storage_type(Precision precision) {
  if (precision == Precision::kFloat32) return torch::kFloat32;
  return precision == Precision::kBfloat16 ? torch::kBFloat16 : torch::kInt8;
}

/// A factor that makes the row's largest value 127.
float row_factor(const float* row, std::int64_t count, std::int64_t step) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(row[i * step]));
  return largest / 127;
}

}  // namespace

PackedMatrix::PackedMatrix(const torch::Tensor& weight, Precision precision)
    : precision_(precision),
      in_(weight.size(1)),
      padded_in_(precision == Precision::kBfloat16 ? (weight.size(1) + 1) / 2 * 2 : weight.size(1)),
      out_(weight.size(0)) {
  const torch::NoGradGuard no_grad;
  const float* from = weight.data_ptr<float>();
  const auto out_step = weight.stride(0);
  const auto in_step = weight.stride(1);
  data_ = torch::zeros({panels(), padded_in_ * kPanel}, torch::TensorOptions().dtype(storage_type(precision)));
  if (precision == Precision::kInt8) factors_.assign(static_cast<std::size_t>(panels() * kPanel), 0.0F);
  const auto pack = [&](std::int64_t panel) {
    const auto width = std::min(kPanel, out_ - panel * kPanel);
    const float* rows = from + panel * kPanel * out_step;
    const auto base = panel * padded_in_ * kPanel;
    if (precision == Precision::kFloat32) {
      float* to = data_.data_ptr<float>() + base;
      for (std::int64_t i = 0; i < in_; ++i) {
        for (std::int64_t column = 0; column < width; ++column)
          to[i * kPanel + column] = rows[column * out_step + i * in_step];
      }
    } else if (precision == Precision::kBfloat16) {
      auto* to = static_cast<Bfloat16Bits*>(data_.data_ptr()) + base;
      for (std::int64_t i = 0; i < in_; ++i) {
        Bfloat16Bits* pairs = to + i / 2 * 2 * kPanel + i % 2;
        for (std::int64_t column = 0; column < width; ++column)
          pairs[2 * column] = narrow(rows[column * out_step + i * in_step]);
      }
    } else {
      auto* to = data_.data_ptr<std::int8_t>() + base;
      for (std::int64_t column = 0; column < width; ++column) {
        const float* row = rows + column * out_step;
        const float factor = row_factor(row, in_, in_step);
        factors_[static_cast<std::size_t>(panel * kPanel + column)] = factor;
        for (std::int64_t i = 0; i < in_ && factor > 0; ++i) {
          to[i * kPanel + column] = static_cast<std::int8_t>(std::lround(row[i * in_step] / factor));
        }
      }
    }
  };
  at::parallel_for(0, panels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto panel = begin; panel < end; ++panel) pack(panel);
  });
}

std::int64_t PackedMatrix::bytes() const {
  return static_cast<std::int64_t>(data_.nbytes()) + static_cast<std::int64_t>(factors_.size() * sizeof(float));
}

template <int R>
void PackedMatrix::put(TileSums<R>& sums, std::int64_t panel, float* y, std::int64_t y_stride, Into into) const {
  if (!factors_.empty()) {
    const Vector16 low = load16(factors_.data() + panel * kPanel);
    const Vector16 high = load16(factors_.data() + panel * kPanel + 16);
    for (int row = 0; row < R; ++row) {
      sums.sum[row][0] *= low;
      sums.sum[row][1] *= high;
    }
  }
  const auto width = std::min(kPanel, out_ - panel * kPanel);
  for (int row = 0; row < R; ++row) {
    float* to = y + row * y_stride + panel * kPanel;
    if (width == kPanel) {
      if (into == Into::kAdd) {
        sums.sum[row][0] += load16(to);
        sums.sum[row][1] += load16(to + 16);
      }
      store16(to, sums.sum[row][0]);
      store16(to + 16, sums.sum[row][1]);
    } else {
      for (std::int64_t j = 0; j < width; ++j) {
        const float value = sums.sum[row][j / 16][j % 16];
        to[j] = into == Into::kAdd ? to[j] + value : value;
      }
    }
  }
}

template <class X, class W>
void PackedMatrix::multiply_panels(const X* x, std::int64_t x_stride, std::int64_t rows, const W* panels,
                                   std::int64_t first, std::int64_t last, float* y, std::int64_t y_stride,
                                   Into into) const {
  const auto panel_at = [&](std::int64_t panel) { return panels + panel * padded_in_ * kPanel; };
  const auto tile = [&]<int R, int P>(std::int64_t row, std::int64_t panel) {
    TileSums<R> sums[P];
    const W* weights[P];
    for (int p = 0; p < P; ++p) weights[p] = panel_at(panel + p);
    accumulate<R, P>(sums, x + row * x_stride, x_stride, weights, padded_in_);
    for (int p = 0; p < P; ++p) put<R>(sums[p], panel + p, y + row * y_stride, y_stride, into);
  };
  if (rows <= kTileRows) {
    with_tile_rows(rows, [&]<int R>() {
      auto panel = first;
      for (; panel + kPanelsBeside<R> <= last; panel += kPanelsBeside<R>) {
        tile.template operator()<R, kPanelsBeside<R>>(0, panel);
      }
      for (; panel < last; ++panel) tile.template operator()<R, 1>(0, panel);
    });
    return;
  }
  for (std::int64_t panel = first; panel < last; ++panel) {
    for (std::int64_t row = 0; row < rows; row += kTileRows) {
      with_tile_rows(std::min<std::int64_t>(kTileRows, rows - row),
                     [&]<int R>() { tile.template operator()<R, 1>(row, panel); });
    }
  }
}

template <class F>
void PackedMatrix::share_panels(std::int64_t rows, const F& f) const {
  if (at::in_parallel_region() || 2 * rows * in_ * out_ < kParallelWork) {
    f(0, panels());
  } else {
    at::parallel_for(0, panels(), 1, f);
  }
}

void PackedMatrix::multiply_bits(const Bfloat16Bits* x, std::int64_t x_stride, std::int64_t rows, float* y,
                                 std::int64_t y_stride, Into into) const {
  share_panels(rows, [&](std::int64_t first, std::int64_t last) {
    multiply_panels(x, x_stride, rows, static_cast<const Bfloat16Bits*>(data_.data_ptr()), first, last, y, y_stride,
                    into);
  });
}

void PackedMatrix::multiply(const float* x, std::int64_t x_stride, std::int64_t rows, float* y, std::int64_t y_stride,
                            Into into) const {
  if (rows == 0) return;
  if (precision_ == Precision::kBfloat16) {
    thread_local std::vector<Bfloat16Bits> rounded;
    rounded.resize(static_cast<std::size_t>(rows * padded_in_));
    for (std::int64_t row = 0; row < rows; ++row) {
      Bfloat16Bits* to = rounded.data() + row * padded_in_;
      const float* from = x + row * x_stride;
#pragma omp simd
      for (std::int64_t i = 0; i < in_; ++i) to[i] = narrow(from[i]);
      if (padded_in_ > in_) to[in_] = 0;
    }
    multiply_bits(rounded.data(), padded_in_, rows, y, y_stride, into);
    return;
  }
  share_panels(rows, [&](std::int64_t first, std::int64_t last) {
    if (precision_ == Precision::kFloat32) {
      multiply_panels(x, x_stride, rows, data_.data_ptr<float>(), first, last, y, y_stride, into);
    } else {
      multiply_panels(x, x_stride, rows, data_.data_ptr<std::int8_t>(), first, last, y, y_stride, into);
    }
  });
}

}  // namespace llama4rec::llm
