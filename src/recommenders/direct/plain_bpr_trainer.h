// The pairwise loss in libtorch operators with autograd: the reference of the fast kernels, and the way to run on CUDA.
#pragma once

#include <span>
#include <vector>

#include <torch/torch.h>

#include "recommenders/direct/bpr_trainer.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// bpr_trainer.h's loss. Models that add to it or change it derive from this class.
class PlainBprTrainer : public BprTrainer {
 public:
  PlainBprTrainer(const BprSettings& settings, std::span<const float> initial, torch::Device device);

  double train_epoch(const BprSamples& samples) override;
  double loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) override;
  [[nodiscard]] std::vector<float> initial_embeddings() const override;
  [[nodiscard]] std::vector<float> final_embeddings() override;
  [[nodiscard]] NamedTensors state() const override;
  void restore(const NamedTensors& state) override;

 protected:
  /// The mean loss of a batch, a scalar; `first` is the number of its first sample in the epoch.
  [[nodiscard]] virtual torch::Tensor loss(const BprSamples& batch, std::size_t first);
  /// A batch's samples as index tensors, [batch]; items are numbered as nodes.
  struct Nodes {
    torch::Tensor users;
    torch::Tensor preferred;
    torch::Tensor others;
    torch::Tensor weights;  ///< float32
  };
  [[nodiscard]] Nodes nodes_of(const BprSamples& batch) const;
  /// Half the squared norms of the touched rows of e, weighted: a scalar, summed over the batch.
  [[nodiscard]] torch::Tensor norms(const Nodes& nodes) const;
  /// f, [nodes, dimension]: the mean of e, A1 e, A2 A1 e, ...; `adjacencies` has one matrix per layer.
  [[nodiscard]] torch::Tensor propagated(const std::vector<torch::Tensor>& adjacencies) const;

  [[nodiscard]] const BprSettings& settings() const { return settings_; }
  [[nodiscard]] torch::Device device() const { return device_; }
  [[nodiscard]] const torch::Tensor& initial() const { return initial_; }
  /// The graph's matrix once per layer.
  [[nodiscard]] const std::vector<torch::Tensor>& adjacencies() const { return adjacencies_; }

 private:
  /// Leaves the gradient of a batch's mean loss in e; returns this process's part of the loss.
  double gradient_of(const BprSamples& batch, std::size_t first);

  BprSettings settings_;
  tensor::World alone_;
  const tensor::World& world_;
  torch::Device device_;
  torch::Tensor initial_;                   ///< e, [nodes, dimension]
  std::vector<torch::Tensor> adjacencies_;  ///< sparse [nodes, nodes], one per layer
  torch::optim::Adam optimizer_;
};

/// The normalised adjacency matrix, sparse [nodes, nodes].
torch::Tensor adjacency_matrix(const InteractionGraph& graph, torch::Device device);

}  // namespace llama4rec::recommenders
