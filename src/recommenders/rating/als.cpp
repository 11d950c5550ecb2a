#include "recommenders/rating/als.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "recommenders/epoch_loop.h"
#include "recommenders/rating/ridge.h"

namespace llama4rec::recommenders {
namespace {

/// The examples of each user or item.
struct RatingRows {
  std::vector<std::int64_t> offsets;  ///< [rows + 1]
  std::vector<std::int32_t> columns;  ///< the other side
  std::vector<double> ratings;        ///< minus the mean
};

template <class Row, class Column>
RatingRows rows_by(const RatingTrainingData& data, std::int64_t rows, double mean, const Row& row,
                   const Column& column) {
  RatingRows result;
  result.offsets.assign(static_cast<std::size_t>(rows) + 1, 0);
  for (const RatingExample& example : data.examples) ++result.offsets[static_cast<std::size_t>(row(example)) + 1];
  for (std::size_t n = 1; n < result.offsets.size(); ++n) result.offsets[n] += result.offsets[n - 1];
  std::vector<std::int64_t> cursor(result.offsets.begin(), result.offsets.end() - 1);
  result.columns.resize(data.examples.size());
  result.ratings.resize(data.examples.size());
  for (const RatingExample& example : data.examples) {
    const auto place = static_cast<std::size_t>(cursor[static_cast<std::size_t>(row(example))]++);
    result.columns[place] = column(example);
    result.ratings[place] = static_cast<double>(example.rating) - mean;
  }
  return result;
}

/// One side of the factorisation: biases [rows] and factors [rows, factors].
struct Side {
  std::vector<double>& biases;
  std::vector<double>& factors;
};

struct RidgeWeights {
  double constant = 0;
  double per_rating = 0;
  double bias = 0;
};

/// Solves every row of `own` against the fixed `other`; rows without ratings become zero. Returns the sum of squared errors.
double solve_side(const RatingRows& rows, std::int64_t factors, const RidgeWeights& weights, const Side& own,
                  const Side& other) {
  const auto width = static_cast<std::size_t>(factors) + 1;  // the bias is the coefficient of a constant 1
  const auto count = static_cast<std::int64_t>(rows.offsets.size()) - 1;
  std::vector<double> errors(static_cast<std::size_t>(count), 0);
#pragma omp parallel
  {
    std::vector<double> matrix(width * width);
    std::vector<double> right(width);
    std::vector<double> inputs(width, 1);
#pragma omp for schedule(dynamic, 32)
    for (std::int64_t n = 0; n < count; ++n) {
      const auto row = static_cast<std::size_t>(n);
      const auto begin = static_cast<std::size_t>(rows.offsets[row]);
      const auto end = static_cast<std::size_t>(rows.offsets[row + 1]);
      std::fill(matrix.begin(), matrix.end(), 0);
      std::fill(right.begin(), right.end(), 0);
      double squares = 0;
      for (std::size_t e = begin; e < end; ++e) {
        const auto column = static_cast<std::size_t>(rows.columns[e]);
        std::copy_n(other.factors.begin() + static_cast<std::ptrdiff_t>(column * (width - 1)), width - 1,
                    inputs.begin() + 1);
        const double target = rows.ratings[e] - other.biases[column];
        squares += target * target;
        for (std::size_t i = 0; i < width; ++i) {
          for (std::size_t j = 0; j <= i; ++j) matrix[i * width + j] += inputs[i] * inputs[j];
          right[i] += inputs[i] * target;
        }
      }
      const std::vector<double> projection = right;
      const double ridge = weights.constant + weights.per_rating * static_cast<double>(end - begin);
      std::vector<double> diagonal(width);
      for (std::size_t i = 0; i < width; ++i) diagonal[i] = i == 0 ? weights.bias : ridge;
      for (std::size_t i = 0; i < width; ++i) matrix[i * width + i] += diagonal[i];
      if (begin == end || !solve_positive_definite(static_cast<std::int64_t>(width), matrix, right)) {
        std::fill(right.begin(), right.end(), 0);
      }
      own.biases[row] = right[0];
      std::copy_n(right.begin() + 1, width - 1, own.factors.begin() + static_cast<std::ptrdiff_t>(row * (width - 1)));
      // |t - X x|^2 = t.t - x.(X't) - x.D x, because (X'X + D) x = X't.
      double error = squares;
      for (std::size_t i = 0; i < width; ++i) error -= right[i] * (projection[i] + diagonal[i] * right[i]);
      errors[row] = error;
    }
  }
  double total = 0;
  for (const double error : errors) total += error;
  return total;
}

}  // namespace

void AlsOptions::declare(config::OptionVisitor& visit) {
  visit.option("als.factors", factors, config::between(1, 1024), "Dimension of user and item factors.");
  visit.option("als.sweeps", sweeps, config::between(1, 100000), "Most passes over users and items.");
  visit.option("als.patience", patience, config::at_least(1),
               "Sweeps without a better validation score after which training stops.");
  visit.option("als.regularization", regularization, config::between(0, 1e6),
               "Weight of the squared factors of a user or item.");
  visit.option("als.count_regularization", count_regularization, config::between(0, 1e6),
               "The same, for each of the user's or item's ratings.");
  visit.option("als.bias_regularization", bias_regularization, config::between(0, 1e6),
               "Weight of a squared bias, in ratings.");
}

FitSummary Als::fit(const RatingTrainingData& data, const FitHooks& hooks) {
  begin_fit(data);
  factors_ = options_.factors;
  biases_ = fit_biases(data, options_.bias_regularization, options_.bias_regularization);
  user_factors_.assign(static_cast<std::size_t>(data.users * factors_), 0);
  item_factors_.resize(static_cast<std::size_t>(data.items * factors_));
  RandomStream stream(seed_, "recommenders.als");
  const double deviation = 0.1 / std::sqrt(static_cast<double>(factors_));
  for (double& value : item_factors_) value = deviation * stream.normal();

  const RatingRows users = rows_by(
      data, data.users, biases_.mean, [](const RatingExample& e) { return e.user; },
      [](const RatingExample& e) { return e.item; });
  const RatingRows items = rows_by(
      data, data.items, biases_.mean, [](const RatingExample& e) { return e.item; },
      [](const RatingExample& e) { return e.user; });
  const RidgeWeights weights{.constant = options_.regularization,
                             .per_rating = options_.count_regularization,
                             .bias = options_.bias_regularization};
  RatingBiases best_biases;
  std::vector<double> best_users;
  std::vector<double> best_items;
  const EpochSteps steps{.train =
                             [&](std::int64_t) {
                               const Side user_side{biases_.users, user_factors_};
                               const Side item_side{biases_.items, item_factors_};
                               solve_side(users, factors_, weights, user_side, item_side);
                               return solve_side(items, factors_, weights, item_side, user_side) /
                                      static_cast<double>(data.examples.size());
                             },
                         .publish = {},
                         .keep =
                             [&] {
                               best_biases = biases_;
                               best_users = user_factors_;
                               best_items = item_factors_;
                             },
                         .restore =
                             [&] {
                               biases_ = best_biases;
                               user_factors_ = best_users;
                               item_factors_ = best_items;
                             }};
  return run_epochs(name(), {.epochs = options_.sweeps, .patience = options_.patience, .validate_every = 1}, hooks,
                    steps);
}

double Als::raw_prediction(UserIndex user, ItemIndex item) const {
  double value = bias_prediction(user, item);
  const auto u = static_cast<std::size_t>(user);
  const auto i = static_cast<std::size_t>(item);
  if (u >= biases_.users.size() || i >= biases_.items.size()) return value;
  const auto width = static_cast<std::size_t>(factors_);
  for (std::size_t k = 0; k < width; ++k) value += user_factors_[u * width + k] * item_factors_[i * width + k];
  return value;
}

torch::Tensor Als::user_embeddings(std::span<const UserIndex> users) const {
  torch::Tensor rows = torch::zeros({static_cast<std::int64_t>(users.size()), factors_}, torch::kFloat32);
  auto* to = rows.data_ptr<float>();
  for (const UserIndex user : users) {
    if (static_cast<std::size_t>(user) < biases_.users.size()) {
      for (std::int64_t k = 0; k < factors_; ++k) {
        to[k] = static_cast<float>(user_factors_[static_cast<std::size_t>(user * factors_ + k)]);
      }
    }
    to += factors_;
  }
  return rows;
}

void Als::save(const std::filesystem::path& file) const {
  ModelFile content = file_content();
  const auto put = [&](const std::string& tensor_name, const std::vector<double>& values) {
    content.tensors[tensor_name] =
        tensor_of(std::vector<float>(values.begin(), values.end()), {-1, std::max<std::int64_t>(factors_, 1)});
  };
  put("user_factors", user_factors_);
  put("item_factors", item_factors_);
  write_model(file, content);
}

void Als::load(const std::filesystem::path& file) {
  const ModelFile content = read_model(file, name());
  const torch::Tensor user_biases = required_tensor(content, file, "user_biases", torch::kFloat32, {-1});
  const torch::Tensor item_biases = required_tensor(content, file, "item_biases", torch::kFloat32, {-1});
  const torch::Tensor users =
      required_tensor(content, file, "user_factors", torch::kFloat32, {user_biases.size(0), -1});
  const torch::Tensor items =
      required_tensor(content, file, "item_factors", torch::kFloat32, {item_biases.size(0), users.size(1)});
  if (!users.isfinite().all().item<bool>() || !items.isfinite().all().item<bool>()) {
    throw DataError(fmt::format("{}: a factor is not finite", file.string()));
  }
  begin_load(content, file);
  factors_ = users.size(1);
  user_factors_.assign(users.data_ptr<float>(), users.data_ptr<float>() + users.numel());
  item_factors_.assign(items.data_ptr<float>(), items.data_ptr<float>() + items.numel());
}

}  // namespace llama4rec::recommenders
