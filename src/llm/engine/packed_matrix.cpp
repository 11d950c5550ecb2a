#include "llm/engine/packed_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/engine/tile.h"

namespace llama4rec::llm {
namespace {

/// Products below this many operations are not worth waking a second thread.
constexpr std::int64_t kParallelWork = 1 << 20;

torch::ScalarType storage_type(Precision precision) {
  if (precision == Precision::kFloat32) return torch::kFloat32;
  return precision == Precision::kBfloat16 ? torch::kBFloat16 : torch::kInt8;
}

/// Inputs that one step of a tile takes.
std::int64_t step_inputs(Precision precision) {
  if (precision == Precision::kFloat32) return 1;
  return precision == Precision::kBfloat16 ? 2 : 4;
}

/// 8-bit inputs are -127 to 127, moved up so that the product's instruction takes them.
constexpr std::int32_t kInputShift = 128;
/// So many products of 255 by 127 that their sum fits into 32 bits.
constexpr std::int64_t kMostInt8Inputs = 65536;

/// Rounds a row to 8 bits, `padded` with zero; returns the factor by which it has to be multiplied.
float quantise(const float* from, std::int64_t count, std::int64_t padded, std::uint8_t* to) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(from[i]));
  const float inverse = largest > 0 ? 127 / largest : 0;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    // Rounds to an integer by adding 1.5 * 2^23.
    const auto whole = std::bit_cast<std::int32_t>(from[i] * inverse + 12582912.0F) - 0x4B400000;
    to[i] = static_cast<std::uint8_t>(whole + kInputShift);
  }
  std::fill(to + count, to + padded, static_cast<std::uint8_t>(kInputShift));
  return largest / 127;
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
      padded_in_((weight.size(1) + step_inputs(precision) - 1) / step_inputs(precision) * step_inputs(precision)),
      out_(weight.size(0)) {
  const torch::NoGradGuard no_grad;
  const float* from = weight.data_ptr<float>();
  const auto out_step = weight.stride(0);
  const auto in_step = weight.stride(1);
  data_ = torch::zeros({panels(), padded_in_ * kPanel}, torch::TensorOptions().dtype(storage_type(precision)));
  if (precision == Precision::kInt8) {
    if (in_ > kMostInt8Inputs) {
      throw UsageError(
          fmt::format("precision int8: a matrix has {} inputs, at most {} can be summed", in_, kMostInt8Inputs));
    }
    factors_.assign(static_cast<std::size_t>(panels() * kPanel), 0.0F);
    shifts_.assign(factors_.size(), 0);
  }
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
        std::int32_t sum = 0;
        for (std::int64_t i = 0; i < in_ && factor > 0; ++i) {
          const auto value = static_cast<std::int8_t>(std::lround(row[i * in_step] / factor));
          to[(i / 4 * kPanel + column) * 4 + i % 4] = value;
          sum += value;
        }
        shifts_[static_cast<std::size_t>(panel * kPanel + column)] = kInputShift * sum;
      }
    }
  };
  at::parallel_for(0, panels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto panel = begin; panel < end; ++panel) pack(panel);
  });
}

std::int64_t PackedMatrix::bytes() const {
  return static_cast<std::int64_t>(data_.nbytes() + factors_.size() * (sizeof(float) + sizeof(std::int32_t)));
}

template <int R, class Sum>
inline void PackedMatrix::put(const TileSums<R, Sum>& sums, const float* row_factors, std::int64_t panel, float* y,
                              std::int64_t y_stride, Into into) const {
  const auto width = std::min(kPanel, out_ - panel * kPanel);
  for (int row = 0; row < R; ++row) {
    Vector16 half[2];
    for (int h = 0; h < 2; ++h) {
      if constexpr (std::is_same_v<Sum, Vector16>) {
        half[h] = sums.sum[row][h];
      } else {
        const auto at = static_cast<std::size_t>(panel * kPanel + 16 * h);
        half[h] = convert<float>(sums.sum[row][h] - load_sixteen(shifts_.data() + at)) *
                  (load_sixteen(factors_.data() + at) * row_factors[row]);
      }
    }
    float* to = y + row * y_stride + panel * kPanel;
    if (width == kPanel) {
      for (int h = 0; h < 2; ++h) {
        if (into == Into::kAdd) half[h] += load_sixteen(to + 16 * h);
        store_sixteen(to + 16 * h, half[h]);
      }
    } else {
      for (std::int64_t j = 0; j < width; ++j) {
        const float value = half[j / 16][j % 16];
        to[j] = into == Into::kAdd ? to[j] + value : value;
      }
    }
  }
}

template <class X, class W>
void PackedMatrix::multiply_panels(const Inputs<X>& x, const W* panels, std::int64_t first, std::int64_t last, float* y,
                                   std::int64_t y_stride, Into into) const {
  const auto panel_at = [&](std::int64_t panel) { return panels + panel * padded_in_ * kPanel; };
  const auto tile = [&]<int R, int P>(std::int64_t row, std::int64_t panel) {
    TileSums<R, typename TileStep<X, W>::Sum> sums[P];
    const W* weights[P];
    for (int p = 0; p < P; ++p) weights[p] = panel_at(panel + p);
    accumulate<R, P>(sums, x.values + row * x.stride, x.stride, weights, padded_in_);
    const float* factors = x.factors == nullptr ? nullptr : x.factors + row;
    for (int p = 0; p < P; ++p) put<R>(sums[p], factors, panel + p, y + row * y_stride, y_stride, into);
  };
  if (x.rows <= kTileRows) {
    with_tile_rows(x.rows, [&]<int R>() {
      auto panel = first;
      for (; panel + kPanelsBeside<R> <= last; panel += kPanelsBeside<R>) {
        tile.template operator()<R, kPanelsBeside<R>>(0, panel);
      }
      for (; panel < last; ++panel) tile.template operator()<R, 1>(0, panel);
    });
    return;
  }
  for (std::int64_t panel = first; panel < last; ++panel) {
    for (std::int64_t row = 0; row < x.rows; row += kTileRows) {
      with_tile_rows(std::min<std::int64_t>(kTileRows, x.rows - row),
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
    multiply_panels(Inputs<Bfloat16Bits>{.values = x, .stride = x_stride, .rows = rows},
                    static_cast<const Bfloat16Bits*>(data_.data_ptr()), first, last, y, y_stride, into);
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
  if (precision_ == Precision::kInt8) {
    multiply_int8(x, x_stride, rows, y, y_stride, into);
    return;
  }
  share_panels(rows, [&](std::int64_t first, std::int64_t last) {
    multiply_panels(Inputs<float>{.values = x, .stride = x_stride, .rows = rows}, data_.data_ptr<float>(), first, last,
                    y, y_stride, into);
  });
}

void PackedMatrix::multiply_int8(const float* x, std::int64_t x_stride, std::int64_t rows, float* y,
                                 std::int64_t y_stride, Into into) const {
  thread_local std::vector<std::uint8_t> rounded;
  thread_local std::vector<float> factors;
  rounded.resize(static_cast<std::size_t>(rows * padded_in_));
  factors.resize(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    factors[static_cast<std::size_t>(row)] =
        quantise(x + row * x_stride, in_, padded_in_, rounded.data() + row * padded_in_);
  }
  const Inputs<std::uint8_t> inputs{
      .values = rounded.data(), .stride = padded_in_, .rows = rows, .factors = factors.data()};
  share_panels(rows, [&](std::int64_t first, std::int64_t last) {
    multiply_panels(inputs, data_.data_ptr<std::int8_t>(), first, last, y, y_stride, into);
  });
}

}  // namespace llama4rec::llm
