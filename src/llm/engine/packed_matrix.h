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
  template <int R>
  void put(TileSums<R>& sums, std::int64_t panel, float* y, std::int64_t y_stride, Into into) const;
  template <class X, class W>
  void multiply_panels(const X* x, std::int64_t x_stride, std::int64_t rows, const W* panels, std::int64_t first,
                       std::int64_t last, float* y, std::int64_t y_stride, Into into) const;
  /// Calls f(first panel, last panel), on several threads where that pays.
  template <class F>
  void share_panels(std::int64_t rows, const F& f) const;
  [[nodiscard]] std::int64_t panels() const { return (out_ + kPanel - 1) / kPanel; }

  Precision precision_ = Precision::kFloat32;
  std::int64_t in_ = 0;
  std::int64_t padded_in_ = 0;  // even for bfloat16
  std::int64_t out_ = 0;
  torch::Tensor data_;          // [panels, padded in * 32] float32, bfloat16 or int8
  std::vector<float> factors_;  // int8: by output, padded to whole panels
};

}  // namespace llama4rec::llm
