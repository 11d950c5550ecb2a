// Products of training in bfloat16 with float32 master weights and sums.
#pragma once

#include "llm/engine/packed_matrix.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// A weight's copies for one step: as it is for the forward pass, transposed for the gradient of the input.
struct MixedWeight {
  PackedMatrix forward;
  PackedMatrix backward;

  MixedWeight() = default;
  /// From a float32 matrix [out, in] on the CPU.
  explicit MixedWeight(const torch::Tensor& weight);
};

/// x [rows, in] times the transpose of `weight` [out, in] -> [rows, out], in autograd with respect to both. `copies` are of the weight's present
/// value and must live until the backward pass is over. On the calling thread alone when that is one of several.
torch::Tensor mixed_linear(const torch::Tensor& x, const torch::Tensor& weight, const MixedWeight& copies);

}  // namespace llama4rec::llm
