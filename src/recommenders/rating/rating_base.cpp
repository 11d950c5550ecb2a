#include "recommenders/rating/rating_base.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::recommenders {
namespace {

constexpr int kMostSweeps = 1000;
constexpr double kConverged = 1e-6;

std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }

torch::Tensor as_tensor(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64).to(torch::kFloat32);
}

std::vector<double> as_values(const torch::Tensor& tensor) {
  const torch::Tensor wide = tensor.to(torch::kFloat64);
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

}  // namespace

void check_examples(const RatingTrainingData& data) {
  if (data.examples.empty()) throw DataError("training data: no rating; a rating predictor needs at least one");
  for (std::size_t n = 0; n < data.examples.size(); ++n) {
    const RatingExample& example = data.examples[n];
    if (example.user < 0 || example.user >= data.users || example.item < 0 || example.item >= data.items) {
      throw DataError(fmt::format("training data: rating {} is of user {} and item {}, expected below {} and {}", n,
                                  example.user, example.item, data.users, data.items));
    }
    if (!(example.rating >= data.rating_minimum && example.rating <= data.rating_maximum)) {
      throw DataError(fmt::format("training data: rating {} of user {} and item {} is outside {}..{}", example.rating,
                                  example.user, example.item, data.rating_minimum, data.rating_maximum));
    }
  }
}

RatingBiases fit_biases(const RatingTrainingData& data, double user_weight, double item_weight) {
  RatingBiases biases;
  biases.users.assign(static_cast<std::size_t>(data.users), 0);
  biases.items.assign(static_cast<std::size_t>(data.items), 0);
  std::vector<double> user_counts(biases.users.size(), user_weight);
  std::vector<double> item_counts(biases.items.size(), item_weight);
  for (const RatingExample& example : data.examples) {
    biases.mean += static_cast<double>(example.rating);
    ++user_counts[at(example.user)];
    ++item_counts[at(example.item)];
  }
  biases.mean /= static_cast<double>(data.examples.size());
  // Returns the largest move of a bias. A row without ratings and without weight divides nothing by zero: it stays 0.
  const auto update = [&](std::vector<double>& own, const std::vector<double>& counts, auto&& row, auto&& other) {
    std::vector<double> sums(own.size(), 0);
    for (const RatingExample& example : data.examples) {
      sums[row(example)] += static_cast<double>(example.rating) - biases.mean - other(example);
    }
    double moved = 0;
    for (std::size_t n = 0; n < own.size(); ++n) {
      const double value = counts[n] > 0 ? sums[n] / counts[n] : 0;
      moved = std::max(moved, std::abs(value - own[n]));
      own[n] = value;
    }
    return moved;
  };
  const auto user_of = [](const RatingExample& example) { return at(example.user); };
  const auto item_of = [](const RatingExample& example) { return at(example.item); };
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    const double items_moved = update(biases.items, item_counts, item_of,
                                      [&](const RatingExample& example) { return biases.users[user_of(example)]; });
    const double users_moved = update(biases.users, user_counts, user_of,
                                      [&](const RatingExample& example) { return biases.items[item_of(example)]; });
    if (std::max(items_moved, users_moved) < kConverged) break;
  }
  return biases;
}

void RatingBase::begin_fit(const RatingTrainingData& data) {
  check_examples(data);
  minimum_ = data.rating_minimum;
  maximum_ = data.rating_maximum;
  provenance_ = data.provenance;
}

void RatingBase::begin_load(const ModelFile& content, const std::filesystem::path& file) {
  RatingBiases biases;
  const torch::Tensor users = required_tensor(content, file, "user_biases", torch::kFloat32, {-1});
  const torch::Tensor items = required_tensor(content, file, "item_biases", torch::kFloat32, {-1});
  biases.mean = required_number(content, file, "mean");
  const double minimum = required_number(content, file, "rating_minimum");
  const double maximum = required_number(content, file, "rating_maximum");
  if (!users.isfinite().all().item<bool>() || !items.isfinite().all().item<bool>() || !std::isfinite(biases.mean) ||
      !(minimum <= maximum) || !std::isfinite(minimum) || !std::isfinite(maximum)) {
    throw DataError(fmt::format("{}: a bias or the rating scale is damaged", file.string()));
  }
  biases.users = as_values(users);
  biases.items = as_values(items);
  biases_ = std::move(biases);
  minimum_ = static_cast<float>(minimum);
  maximum_ = static_cast<float>(maximum);
  provenance_ = content.provenance;
}

ModelFile RatingBase::file_content() const {
  ModelFile content{.model = name(), .tensors = {}, .settings = {}, .provenance = provenance_};
  content.tensors["user_biases"] = as_tensor(biases_.users);
  content.tensors["item_biases"] = as_tensor(biases_.items);
  content.settings["mean"] = exact_text(biases_.mean);
  content.settings["rating_minimum"] = exact_text(static_cast<double>(minimum_));
  content.settings["rating_maximum"] = exact_text(static_cast<double>(maximum_));
  return content;
}

double RatingBase::bias_prediction(UserIndex user, ItemIndex item) const {
  double value = biases_.mean;
  if (at(user) < biases_.users.size()) value += biases_.users[at(user)];
  if (at(item) < biases_.items.size()) value += biases_.items[at(item)];
  return value;
}

torch::Tensor RatingBase::predict(std::span<const UserIndex> users, std::span<const ItemIndex> items) const {
  if (users.size() != items.size()) {
    throw InternalError(fmt::format("{}: {} users and {} items", name(), users.size(), items.size()));
  }
  if (biases_.users.empty())
    throw InternalError(fmt::format("{}: asked to predict before it was fit or loaded", name()));
  torch::Tensor predictions = torch::empty({static_cast<std::int64_t>(users.size())}, torch::kFloat32);
  auto* values = predictions.data_ptr<float>();
  for (std::size_t n = 0; n < users.size(); ++n) {
    if (users[n] < 0 || items[n] < 0) {
      throw UsageError(fmt::format("{}: user {} and item {}, expected no negative index", name(), users[n], items[n]));
    }
    values[n] = std::clamp(static_cast<float>(raw_prediction(users[n], items[n])), minimum_, maximum_);
  }
  return predictions;
}

}  // namespace llama4rec::recommenders
