#include "recommenders/direct/plain_bpr_trainer.h"

#include <algorithm>

#include <llama4rec/error.h>

#include "recommenders/model_file.h"

namespace llama4rec::recommenders {
namespace {

template <class Index>
torch::Tensor as_indices(std::span<const Index> values, torch::Device device) {
  return torch::tensor(std::vector<std::int64_t>(values.begin(), values.end()), torch::kInt64).to(device);
}

}  // namespace

torch::Tensor adjacency_matrix(const InteractionGraph& graph, torch::Device device) {
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

PlainBprTrainer::PlainBprTrainer(const BprSettings& settings, std::span<const float> initial, torch::Device device)
    : settings_(settings),
      world_(settings.world == nullptr ? alone_ : *settings.world),
      device_(device),
      initial_(torch::tensor(std::vector<float>(initial.begin(), initial.end()), torch::kFloat32)
                   .view({settings.nodes(), settings.dimension})
                   .to(device)
                   .set_requires_grad(true)),
      optimizer_({initial_}, torch::optim::AdamOptions(settings.learning_rate)) {
  if (settings.layers == 0) return;
  adjacencies_.assign(static_cast<std::size_t>(settings.layers), adjacency_matrix(*settings.graph, device));
}

double PlainBprTrainer::gradient_of(const BprSamples& batch, std::size_t first) {
  optimizer_.zero_grad();
  const auto own = world_.own_share(batch.size());
  double part = 0;
  if (own.count > 0) {
    const double share = static_cast<double>(own.count) / static_cast<double>(batch.size());
    const torch::Tensor value = loss(batch.slice(own.first, own.count), first + own.first) * share;
    value.backward();
    part = value.item<double>();
  } else {
    initial_.mutable_grad() = torch::zeros_like(initial_);
  }
  const torch::NoGradGuard no_gradient;
  world_.sum(initial_.grad());
  return part;
}

double PlainBprTrainer::train_epoch(const BprSamples& samples) {
  double total = 0;
  const auto size = static_cast<std::size_t>(settings_.batch_size);
  for (std::size_t begin = 0; begin < samples.size(); begin += size) {
    const BprSamples batch = samples.slice(begin, std::min(size, samples.size() - begin));
    total += gradient_of(batch, begin) * static_cast<double>(batch.size());
    optimizer_.step();
  }
  return world_.sum(total) / static_cast<double>(samples.size());
}

double PlainBprTrainer::loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) {
  const double part = gradient_of(batch, 0);
  gradient = vector_of(initial_.grad());
  optimizer_.zero_grad();
  return world_.sum(part);
}

std::vector<float> PlainBprTrainer::initial_embeddings() const { return vector_of(initial_); }

std::vector<float> PlainBprTrainer::final_embeddings() {
  const torch::NoGradGuard no_gradient;
  return vector_of(propagated(adjacencies_));
}

NamedTensors PlainBprTrainer::state() const {
  const auto& states = optimizer_.state();  // one parameter, one entry; its key's type depends on libtorch's version
  if (states.empty()) throw InternalError("the state of a training before its first step");
  const auto& adam = static_cast<const torch::optim::AdamParamState&>(*states.begin()->second);
  return {{"parameters", initial_.detach().clone()},
          {"adam.first", adam.exp_avg().clone()},
          {"adam.second", adam.exp_avg_sq().clone()},
          {"adam.steps", torch::tensor({adam.step()}, torch::kInt64)}};
}

void PlainBprTrainer::restore(const NamedTensors& state) {
  const auto values = [&](const std::string& name) {
    return required_state(state, name, torch::kFloat32, {settings_.nodes(), settings_.dimension}).clone().to(device_);
  };
  const auto steps = required_state(state, "adam.steps", torch::kInt64, {1}).item<std::int64_t>();
  const auto first = values("adam.first");
  const auto second = values("adam.second");
  initial_.mutable_grad() = torch::zeros_like(initial_);
  optimizer_.step();  // makes the entry
  auto& adam = static_cast<torch::optim::AdamParamState&>(*optimizer_.state().begin()->second);
  adam.step(steps);
  adam.exp_avg(first);
  adam.exp_avg_sq(second);
  const torch::NoGradGuard no_gradient;
  initial_.copy_(values("parameters"));
}

torch::Tensor PlainBprTrainer::propagated(const std::vector<torch::Tensor>& adjacencies) const {
  torch::Tensor layer = initial_;
  torch::Tensor sum = initial_;
  for (const torch::Tensor& adjacency : adjacencies) {
    layer = torch::mm(adjacency, layer);
    sum = sum + layer;
  }
  return sum / static_cast<double>(adjacencies.size() + 1);
}

PlainBprTrainer::Nodes PlainBprTrainer::nodes_of(const BprSamples& batch) const {
  return {as_indices(batch.users, device_), as_indices(batch.preferred, device_) + settings_.users,
          as_indices(batch.others, device_) + settings_.users,
          torch::tensor(std::vector<float>(batch.weights.begin(), batch.weights.end()), torch::kFloat32).to(device_)};
}

torch::Tensor PlainBprTrainer::norms(const Nodes& nodes) const {
  const auto squares = initial_.square().sum(1);
  const auto sum = squares.index_select(0, nodes.users).sum() + squares.index_select(0, nodes.preferred).sum() +
                   squares.index_select(0, nodes.others).sum();
  return settings_.regularization / 2 * sum;
}

torch::Tensor PlainBprTrainer::loss(const BprSamples& batch, std::size_t /*first*/) {
  const Nodes nodes = nodes_of(batch);
  const auto values = propagated(adjacencies_);
  const auto difference = values.index_select(0, nodes.preferred) - values.index_select(0, nodes.others);
  const auto x = (values.index_select(0, nodes.users) * difference).sum(1);
  const auto ranking = (nodes.weights * torch::nn::functional::softplus(-x)).sum();
  return (ranking + norms(nodes)) / static_cast<double>(batch.size());
}

std::unique_ptr<BprTrainer> make_plain_bpr_trainer(const BprSettings& settings, std::span<const float> initial,
                                                   const std::string& device) {
  return std::make_unique<PlainBprTrainer>(settings, initial, tensor::parse_device(device));
}

}  // namespace llama4rec::recommenders
