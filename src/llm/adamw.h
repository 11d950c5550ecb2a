// AdamW (Loshchilov and Hutter, 2019): Adam with decoupled weight decay, on matrices only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/parameter_chunks.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

class AdamW {
 public:
  using Parameters = std::vector<std::pair<std::string, torch::Tensor>>;

  explicit AdamW(Parameters parameters, double weight_decay);

  /// Norm of all gradients together; scales them down to `limit` where they exceed it (0 = no limit).
  double clip(double limit);
  /// One step with the gradients at hand, which it forgets afterwards. `clip` comes first: it fills in gradients that are missing.
  void step(double learning_rate);

  /// Steps done; with first and second moments (in the parameters' order) all of the state.
  std::int64_t steps = 0;
  std::vector<torch::Tensor> first_moments;
  std::vector<torch::Tensor> second_moments;
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }

 private:
  [[nodiscard]] bool on_cpu() const;
  /// Of all gradients together.
  [[nodiscard]] double squared_norm() const;

  Parameters parameters_;
  std::vector<ParameterChunk> chunks_;
  double weight_decay_;
};

}  // namespace llama4rec::llm
