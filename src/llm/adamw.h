// AdamW (Loshchilov and Hutter, 2019): Adam with decoupled weight decay, on matrices only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/parameter_chunks.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// A parameter, or a part of one, with what its optimisation needs; all contiguous, of one shape.
struct OptimisedPart {
  std::string name;
  torch::Tensor weight;
  torch::Tensor gradient;
  torch::Tensor first_moment;
  torch::Tensor second_moment;
  bool decayed = false;  ///< a matrix
};

class AdamW {
 public:
  AdamW(std::vector<OptimisedPart> parts, double weight_decay);

  /// Of the gradients of all parts together.
  [[nodiscard]] double squared_norm() const;
  void scale_gradients(double factor);
  /// One step with the gradients at hand.
  void step(double learning_rate);

  /// Steps done; with the moments all of the state.
  std::int64_t steps = 0;

 private:
  [[nodiscard]] bool on_cpu() const { return parts_.empty() || parts_.front().weight.is_cpu(); }

  std::vector<OptimisedPart> parts_;
  std::vector<ParameterChunk> chunks_;
  double weight_decay_;
};

}  // namespace llama4rec::llm
