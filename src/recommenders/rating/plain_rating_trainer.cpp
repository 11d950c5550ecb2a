// The same in libtorch operators with autograd: the reference of the fast kernels, and the way to run on CUDA.
#include <algorithm>
#include <cmath>

#include <llama4rec/error.h>
#include <torch/torch.h>

#include "recommenders/adam_constants.h"
#include "recommenders/model_file.h"
#include "recommenders/rating/adam_pass.h"
#include "recommenders/rating/rating_trainer.h"

namespace llama4rec::recommenders {
namespace {

class PlainRatingTrainer final : public RatingTrainer {
 public:
  PlainRatingTrainer(const RatingNetwork& network, const RowPenalties& penalties, const RatingLearning& learning,
                     const std::vector<float>& initial, torch::Device device)
      : network_(network),
        learning_(learning),
        device_(device),
        interactions_(network.instantiate(16)),
        parameters_(tensor_of(initial, {-1}).to(device).set_requires_grad(true)),
        averaged_(parameters_.detach().clone()),
        first_(torch::zeros_like(averaged_)),
        second_(torch::zeros_like(averaged_)),
        embedding_penalty_(tensor_of(penalties.embedding, {-1}).to(device)),
        linear_penalty_(tensor_of(penalties.linear, {-1}).to(device)) {}

  double train_epoch(const RatingColumns& examples, std::int64_t epoch) override;
  double loss_and_gradient(const RatingBatch& batch, const DropoutKey* dropout, std::vector<float>& gradient) override {
    const auto [loss, squares] = evaluate(batch, dropout);
    loss.backward();
    gradient = vector_of(parameters_.grad());
    parameters_.mutable_grad() = torch::Tensor();
    return loss.item<double>();
  }
  [[nodiscard]] std::vector<float> parameters() const override {
    return vector_of(learning_.averaging > 0 ? averaged_ : parameters_);
  }
  [[nodiscard]] NamedTensors state() const override {
    return {{"parameters", parameters_.detach().clone()},
            {"averaged", averaged_.clone()},
            {"adam.first", first_.clone()},
            {"adam.second", second_.clone()},
            {"adam.steps", torch::tensor({steps_}, torch::kInt64)}};
  }
  void restore(const NamedTensors& state) override {
    const torch::NoGradGuard no_gradient;
    const auto take = [&](const std::string& name, torch::Tensor& to) {
      to.copy_(required_state(state, name, torch::kFloat32, {parameters_.size(0)}));
    };
    const auto steps = required_state(state, "adam.steps", torch::kInt64, {1});
    take("parameters", parameters_);
    take("averaged", averaged_);
    take("adam.first", first_);
    take("adam.second", second_);
    steps_ = steps.item<std::int64_t>();
  }

 private:
  [[nodiscard]] torch::Tensor parameter(const std::string& name) const;
  /// Loss and sum of squared errors.
  std::pair<torch::Tensor, torch::Tensor> evaluate(const RatingBatch& batch, const DropoutKey* dropout) const;
  void step(double learning_rate);

  const RatingNetwork& network_;
  RatingLearning learning_;
  torch::Device device_;
  Interactions interactions_;
  torch::Tensor parameters_;  ///< flat
  torch::Tensor averaged_;
  torch::Tensor first_;
  torch::Tensor second_;
  torch::Tensor embedding_penalty_;  ///< [rows]
  torch::Tensor linear_penalty_;     ///< [rows]
  std::int64_t steps_ = 0;
};

torch::Tensor PlainRatingTrainer::parameter(const std::string& name) const {
  for (const Parameter& p : network_.layout().parameters()) {
    if (p.name == name) return parameters_.narrow(0, p.offset, p.size).view(p.shape);
  }
  throw InternalError("no parameter " + name);
}

std::pair<torch::Tensor, torch::Tensor> PlainRatingTrainer::evaluate(const RatingBatch& batch,
                                                                     const DropoutKey* dropout) const {
  const std::int64_t size = batch.size();
  const auto fields = static_cast<std::int64_t>(network_.features().fields.size());
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> cells;  // sample * fields + field
  std::vector<float> weights;
  for (std::int64_t s = 0; s < size; ++s) {
    const auto sample = static_cast<std::size_t>(s);
    network_.visit_rows(batch.users[sample], batch.items[sample],
                        [&](std::size_t field, std::int32_t row, float weight) {
                          rows.push_back(row);
                          cells.push_back(s * fields + static_cast<std::int64_t>(field));
                          weights.push_back(weight);
                        });
  }
  const auto row = tensor_of(rows).to(device_);
  const auto cell = tensor_of(cells).to(device_);
  const auto weight = tensor_of(weights, {-1}).to(device_);
  const auto touched = parameter("embeddings").index_select(0, row);  // [rows touched, dimension]
  const auto linear = parameter("linear").index_select(0, row);
  const auto embeddings = torch::zeros({size * fields, network_.dimension()}, touched.options())
                              .index_add(0, cell, touched * weight.unsqueeze(1))
                              .view({size, fields, network_.dimension()});
  auto output =
      parameter("bias") +
      torch::zeros({size * fields}, linear.options()).index_add(0, cell, linear * weight).view({size, -1}).sum(1);
  const PlainBatch plain{.embeddings = embeddings,
                         .parameter = [this](const std::string& name) { return parameter(name); },
                         .dropout = dropout};
  for (const auto& interaction : interactions_) output = output + interaction->plain(plain);
  const auto ratings = tensor_of(std::vector<float>(batch.ratings.begin(), batch.ratings.end()), {-1}).to(device_);
  const auto squares = (output - ratings).square().sum();
  const auto penalty = (embedding_penalty_.index_select(0, row) * touched.square().sum(1)).sum() +
                       (linear_penalty_.index_select(0, row) * linear.square()).sum();
  auto loss = (squares + penalty) / static_cast<double>(size);
  if (learning_.weight_decay > 0) {
    loss = loss + learning_.weight_decay / 2 * parameters_.slice(0, network_.dense()).square().sum();
  }
  return {loss, squares};
}

void PlainRatingTrainer::step(double learning_rate) {
  const torch::NoGradGuard no_gradient;
  ++steps_;
  const auto slope = parameters_.grad();
  first_.mul_(kBeta1).add_(slope, 1 - kBeta1);
  second_.mul_(kBeta2).addcmul_(slope, slope, 1 - kBeta2);
  const auto steps = static_cast<double>(steps_);
  const auto root = (second_ / (1 - std::pow(kBeta2, steps))).sqrt_().add_(1e-8);
  parameters_.addcdiv_(first_, root, -learning_rate / (1 - std::pow(kBeta1, steps)));
  if (learning_.averaging > 0) averaged_.lerp_(parameters_.detach(), 1 - warm_averaging(learning_.averaging, steps_));
}

double PlainRatingTrainer::train_epoch(const RatingColumns& examples, std::int64_t epoch) {
  const RatingBatch all = examples.view();
  const double learning_rate = learning_.learning_rate * std::pow(learning_.decay, static_cast<double>(epoch - 1));
  double total = 0;
  std::uint64_t number = 0;
  for (std::int64_t first = 0; first < all.size(); first += learning_.batch_size, ++number) {
    const DropoutKey dropout{.seed = learning_.seed, .epoch = static_cast<std::uint64_t>(epoch), .batch = number};
    const auto [loss, squares] =
        evaluate(all.part(first, std::min(learning_.batch_size, all.size() - first)), &dropout);
    parameters_.mutable_grad() = torch::Tensor();
    loss.backward();
    step(learning_rate);
    total += squares.item<double>();
  }
  return total / static_cast<double>(all.size());
}

}  // namespace

std::unique_ptr<RatingTrainer> make_plain_rating_trainer(const RatingNetwork& network, const RowPenalties& penalties,
                                                         const RatingLearning& learning,
                                                         const std::vector<float>& initial, const std::string& device) {
  return std::make_unique<PlainRatingTrainer>(network, penalties, learning, initial, tensor::parse_device(device));
}

}  // namespace llama4rec::recommenders
