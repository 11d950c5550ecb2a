// The operations of a LLaMA block that libtorch lacks or does in many passes: normalisation, gated activation, dropout, loss.
// Each is one autograd node with a fused CPU kernel, and a composition of libtorch's own operators on other devices (and, for
// the tests, wherever `use_composed_operations` asks for it). All tensors are float32 and contiguous.
#pragma once

#include <cstdint>

#include "tensor/torch.h"

namespace llama4rec::llm {

struct MixedWeight;

/// RMSNorm: x / sqrt(mean(x^2) + epsilon) * weight. x [rows, hidden], weight [hidden] -> [rows, hidden].
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

/// SwiGLU: silu(gate) * up. gate_up [rows, 2 * intermediate], gate first -> [rows, intermediate].
torch::Tensor gated_activation(const torch::Tensor& gate_up);

/// residual + dropout(x): element i of x is kept where hash(seed, i) says so (a share of 1 - probability) and divided by that
/// share. `residual` may be undefined: dropout(x) alone. The mask is a function of the seed, so nothing is stored.
torch::Tensor add_dropped(const torch::Tensor& residual, const torch::Tensor& x, double probability,
                          std::uint64_t seed);

/// Mean cross-entropy of softmax(x head^T) against the targets. x [rows, hidden], head [vocabulary, hidden], targets [rows]
/// (int64) -> scalar. Runs over blocks of rows, so the logits [rows, vocabulary] never exist; gradients are made on the way. With `copies`
/// of the head (CPU) the products are in bfloat16.
torch::Tensor token_loss(const torch::Tensor& x, const torch::Tensor& head, const torch::Tensor& targets,
                         const MixedWeight* copies = nullptr);

/// log of the sum over the vocabulary of e^(x head^T), and the logits themselves of the tokens asked for.
/// x [rows, hidden]; rows and tokens of the questions [questions] (int64) -> log P(token | row) [questions], on the CPU.
torch::Tensor token_log_probabilities(const torch::Tensor& x, const torch::Tensor& head, const torch::Tensor& rows,
                                      const torch::Tensor& tokens);

/// For tests: while it lives, everything runs on libtorch's operators.
class ComposedOperations {
 public:
  ComposedOperations();
  ~ComposedOperations();
  ComposedOperations(const ComposedOperations&) = delete;
  ComposedOperations& operator=(const ComposedOperations&) = delete;
  ComposedOperations(ComposedOperations&&) = delete;
  ComposedOperations& operator=(ComposedOperations&&) = delete;
};
/// Whether the fused kernels may be used for this tensor.
bool use_fused(const torch::Tensor& x);

}  // namespace llama4rec::llm
