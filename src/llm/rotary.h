// Rotary position embedding (Su et al., 2021), in the half-split layout of Hugging Face checkpoints.
#pragma once

#include <cstdint>

#include "llm/model_config.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// Cosines and sines by position.
class RotaryTable {
 public:
  RotaryTable() = default;
  /// For positions 0..context-1 and heads of `dimension` (even).
  RotaryTable(std::int64_t context, std::int64_t dimension, double theta, const RotaryScaling& scaling,
              const torch::Device& device);

  /// Rotates in place the first `heads` heads of each row. x [rows, >= heads * dimension], float32 contiguous;
  /// positions [rows] (int64, below the context). `direction` 1, or -1 for the inverse (the gradient). Outside autograd.
  void rotate(torch::Tensor& x, const torch::Tensor& positions, std::int64_t heads, int direction) const;

  /// One row of `heads` heads on the CPU, in place; `direction` as above.
  void rotate_row(float* row, std::int64_t position, std::int64_t heads, int direction = 1) const;

  /// The composed form, inside autograd. x [rows, heads, dimension] -> the same shape.
  [[nodiscard]] torch::Tensor rotated(const torch::Tensor& x, const torch::Tensor& positions) const;

 private:
  std::int64_t dimension_ = 0;
  torch::Tensor cosines_;  // [context, dimension / 2]
  torch::Tensor sines_;    // [context, dimension / 2]
};

}  // namespace llama4rec::llm
