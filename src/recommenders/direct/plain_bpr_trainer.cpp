// The pairwise loss in libtorch operators with autograd: the reference of the fast kernels, and the way to run on CUDA.
#include <algorithm>

#include <torch/torch.h>

#include "recommenders/direct/bpr_trainer.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {
namespace {

template <class Index>
torch::Tensor as_indices(std::span<const Index> values, torch::Device device) {
  return torch::tensor(std::vector<std::int64_t>(values.begin(), values.end()), torch::kInt64).to(device);
}

/// The normalised adjacency matrix, sparse [nodes, nodes].
torch::Tensor adjacency(const InteractionGraph& graph, torch::Device device) {
  std::vector<std::int64_t> rows;
  rows.reserve(graph.columns.size());
  for (std::int64_t row = 0; row < graph.nodes(); ++row) {
    const auto n = static_cast<std::size_t>(row);
    rows.insert(rows.end(), static_cast<std::size_t>(graph.offsets[n + 1] - graph.offsets[n]), row);
  }
  const std::vector<std::int64_t> columns(graph.columns.begin(), graph.columns.end());
  const auto indices = torch::stack({torch::tensor(rows, torch::kInt64), torch::tensor(columns, torch::kInt64)});
  const auto weights = torch::tensor(graph.weights, torch::kFloat32);
  return torch::sparse_coo_tensor(indices, weights, {graph.nodes(), graph.nodes()}).coalesce().to(device);
}

std::vector<float> as_vector(const torch::Tensor& tensor) {
  const auto values = tensor.detach().to(torch::kCPU).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

class PlainBprTrainer final : public BprTrainer {
 public:
  PlainBprTrainer(const BprSettings& settings, std::span<const float> initial, torch::Device device)
      : settings_(settings),
        device_(device),
        initial_(torch::tensor(std::vector<float>(initial.begin(), initial.end()), torch::kFloat32)
                     .view({settings.nodes(), settings.dimension})
                     .to(device)
                     .set_requires_grad(true)),
        optimizer_({initial_}, torch::optim::AdamOptions(settings.learning_rate)) {
    if (settings.layers > 0) adjacency_ = adjacency(*settings.graph, device);
  }

  double train_epoch(const BprSamples& samples) override {
    double total = 0;
    const auto size = static_cast<std::size_t>(settings_.batch_size);
    for (std::size_t begin = 0; begin < samples.size(); begin += size) {
      const BprSamples batch = samples.slice(begin, std::min(size, samples.size() - begin));
      optimizer_.zero_grad();
      const torch::Tensor value = loss(batch);
      value.backward();
      optimizer_.step();
      total += value.item<double>() * static_cast<double>(batch.size());
    }
    return total / static_cast<double>(samples.size());
  }

  double loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) override {
    optimizer_.zero_grad();
    const torch::Tensor value = loss(batch);
    value.backward();
    gradient = as_vector(initial_.grad());
    optimizer_.zero_grad();
    return value.item<double>();
  }

  [[nodiscard]] std::vector<float> initial_embeddings() const override { return as_vector(initial_); }

  [[nodiscard]] std::vector<float> final_embeddings() override {
    const torch::NoGradGuard no_gradient;
    return as_vector(propagated());
  }

 private:
  /// f, [nodes, dimension].
  [[nodiscard]] torch::Tensor propagated() const {
    torch::Tensor layer = initial_;
    torch::Tensor sum = initial_;
    for (std::int64_t k = 0; k < settings_.layers; ++k) {
      layer = torch::mm(adjacency_, layer);
      sum = sum + layer;
    }
    return sum / static_cast<double>(settings_.layers + 1);
  }

  [[nodiscard]] torch::Tensor loss(const BprSamples& batch) const {
    const auto users = as_indices(batch.users, device_);
    const auto preferred = as_indices(batch.preferred, device_) + settings_.users;
    const auto others = as_indices(batch.others, device_) + settings_.users;
    const auto weights =
        torch::tensor(std::vector<float>(batch.weights.begin(), batch.weights.end()), torch::kFloat32).to(device_);
    const auto values = propagated();
    const auto difference = values.index_select(0, preferred) - values.index_select(0, others);
    const auto x = (values.index_select(0, users) * difference).sum(1);
    const auto ranking = (weights * torch::nn::functional::softplus(-x)).sum();
    const auto squares = initial_.square().sum(1);
    const auto norms = squares.index_select(0, users).sum() + squares.index_select(0, preferred).sum() +
                       squares.index_select(0, others).sum();
    return (ranking + settings_.regularization / 2 * norms) / static_cast<double>(batch.size());
  }

  BprSettings settings_;
  torch::Device device_;
  torch::Tensor initial_;    ///< e, [nodes, dimension]
  torch::Tensor adjacency_;  ///< sparse [nodes, nodes]; undefined without layers
  torch::optim::Adam optimizer_;
};

}  // namespace

std::unique_ptr<BprTrainer> make_plain_bpr_trainer(const BprSettings& settings, std::span<const float> initial,
                                                   const std::string& device) {
  return std::make_unique<PlainBprTrainer>(settings, initial, tensor::parse_device(device));
}

}  // namespace llama4rec::recommenders
