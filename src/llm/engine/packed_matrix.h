// A weight matrix laid out for the engine's products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "llm/engine/panel.h"
#include "llm/engine/precision.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// What becomes of a product.
enum class Into : std::uint8_t {
  kStore,  ///< y = x W^T
  kAdd,    ///< y += x W^T
};

/// W [out, in] as panels of 32 outputs; outputs behind the last one are zero. Inputs and results are float32 whatever the precision.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// `weight` [out, in] float32 on the CPU, with any strides.
  PackedMatrix(const torch::Tensor& weight, Precision precision);

  [[nodiscard]] std::int64_t in() const { return in_; }
  [[nodiscard]] std::int64_t out() const { return out_; }
  [[nodiscard]] std::int64_t bytes() const;

  /// x [rows, in] with `x_stride` floats from row to row, y [rows, out] likewise. Shares the threads over the panels where it is not
  /// already called from one of several; the result does not depend on that.
  void multiply(const float* x, std::int64_t x_stride, std::int64_t rows, float* y, std::int64_t y_stride,
                Into into) const;
  /// The same with x [rows, in] already in bfloat16, for a matrix in bfloat16. Where `in` is odd, each row is followed by a zero.
  void multiply_bits(const Bfloat16Bits* x, std::int64_t x_stride, std::int64_t rows, float* y, std::int64_t y_stride,
                     Into into) const;

 private:
  /// Rows of inputs in the form in which they are multiplied. `factors` and no others only with 8 bits: one per row.
  template <class X>
  struct Inputs {
    const X* values = nullptr;
    std::int64_t stride = 0;
    std::int64_t rows = 0;
    const float* factors = nullptr;
  };
  template <int R, class Sum>
  [[gnu::always_inline]] void put(const TileSums<R, Sum>& sums, const float* row_factors, std::int64_t panel, float* y,
                                  std::int64_t y_stride, Into into) const;
  template <class X, class W>
  void multiply_panels(const Inputs<X>& x, const W* panels, std::int64_t first, std::int64_t last, float* y,
                       std::int64_t y_stride, Into into) const;
  void multiply_int8(const float* x, std::int64_t x_stride, std::int64_t rows, float* y, std::int64_t y_stride,
                     Into into) const;
  /// Calls f(first panel, last panel), on several threads where that pays.
  template <class F>
  void share_panels(std::int64_t rows, const F& f) const;
  [[nodiscard]] std::int64_t panels() const { return (out_ + kPanel - 1) / kPanel; }

  Precision precision_ = Precision::kFloat32;
  std::int64_t in_ = 0;
  std::int64_t padded_in_ = 0;  // whole pairs for bfloat16, fours for int8
  std::int64_t out_ = 0;
  torch::Tensor data_;  // [panels, padded in * 32] float32, bfloat16 or int8
  // int8, by output, padded to whole panels:
  std::vector<float> factors_;
  std::vector<std::int32_t> shifts_;  ///< what inputs moved up by 128 add to the sum
};

}  // namespace llama4rec::llm
