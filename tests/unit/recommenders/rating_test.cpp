#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/rating/als.h"
#include "recommenders/rating/biases.h"
#include "recommenders/rating/ridge.h"
#include "tensor/safetensors.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::HasSubstr;

RatingTrainingData ratings(std::int64_t users, std::int64_t items, std::vector<RatingExample> examples) {
  RatingTrainingData data{.users = users, .items = items, .examples = std::move(examples)};
  data.provenance = {.what = "test ratings",
                     .interactions = InteractionSet(static_cast<std::int64_t>(data.examples.size()))};
  if (!data.examples.empty()) data.provenance.interactions.insert(0);
  return data;
}

/// Ratings from biases and two factors, every third pair left out.
RatingTrainingData low_rank(std::int64_t users, std::int64_t items, std::vector<RatingExample>& left_out) {
  RandomStream stream(8, "tests.low_rank");
  const auto draw = [&](std::int64_t count, double scale) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = scale * stream.normal();
    return values;
  };
  const auto b_u = draw(users, 0.2);
  const auto b_i = draw(items, 0.2);
  const auto p = draw(users * 2, 0.6);
  const auto q = draw(items * 2, 0.6);
  std::vector<RatingExample> kept;
  for (std::int64_t u = 0; u < users; ++u) {
    for (std::int64_t i = 0; i < items; ++i) {
      const auto a = static_cast<std::size_t>(u);
      const auto b = static_cast<std::size_t>(i);
      const double value = 3 + b_u[a] + b_i[b] + p[2 * a] * q[2 * b] + p[2 * a + 1] * q[2 * b + 1];
      const RatingExample example{static_cast<UserIndex>(u), static_cast<ItemIndex>(i),
                                  static_cast<float>(std::clamp(value, 1.0, 5.0))};
      (stream.below(3) == 0 ? left_out : kept).push_back(example);
    }
  }
  return ratings(users, items, kept);
}

double rmse(const RatingPredictor& model, const std::vector<RatingExample>& examples) {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> items;
  for (const auto& example : examples) {
    users.push_back(example.user);
    items.push_back(example.item);
  }
  const auto predictions = model.predict(users, items);
  double squares = 0;
  for (std::size_t n = 0; n < examples.size(); ++n) {
    const double error =
        static_cast<double>(predictions.data_ptr<float>()[n]) - static_cast<double>(examples[n].rating);
    squares += error * error;
  }
  return std::sqrt(squares / static_cast<double>(examples.size()));
}

float predict(const RatingPredictor& model, UserIndex user, ItemIndex item) {
  return model.predict(std::vector{user}, std::vector{item}).item<float>();
}

TEST(Biases, AreTheRidgeSolution) {
  // Two users, one item, weight 1: minimise (4 - m - a - c)^2 + (2 - m - b - c)^2 + a^2 + b^2 + c^2 with m = 3. By
  // symmetry c = 0, then a = 1 / 2, b = -1 / 2.
  Biases model({.user_regularization = 1, .item_regularization = 1});
  model.fit(ratings(2, 1, {{0, 0, 4}, {1, 0, 2}}), {});
  EXPECT_NEAR(predict(model, 0, 0), 3.5, 1e-5);
  EXPECT_NEAR(predict(model, 1, 0), 2.5, 1e-5);
}

TEST(Biases, LeaveNoSlopeInTheObjective) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(12, 9, left_out);
  const RatingBiases biases = fit_biases(data, 2, 3);
  std::vector<double> user_slopes(12, 0);
  std::vector<double> item_slopes(9, 0);
  for (const auto& example : data.examples) {
    const auto u = static_cast<std::size_t>(example.user);
    const auto i = static_cast<std::size_t>(example.item);
    const double error = static_cast<double>(example.rating) - biases.mean - biases.users[u] - biases.items[i];
    user_slopes[u] += error;
    item_slopes[i] += error;
  }
  for (std::size_t u = 0; u < 12; ++u) EXPECT_NEAR(user_slopes[u], 2 * biases.users[u], 1e-4);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(item_slopes[i], 3 * biases.items[i], 1e-4);
}

TEST(Biases, PredictUnknownUsersAndItemsFromWhatIsKnown) {
  Biases model({.user_regularization = 0, .item_regularization = 1e6});
  model.fit(ratings(3, 2, {{0, 0, 5}, {0, 0, 5}, {1, 0, 2}, {1, 0, 2}}), {});
  EXPECT_NEAR(predict(model, 0, 1), 5, 1e-3);    // item without ratings
  EXPECT_NEAR(predict(model, 2, 1), 3.5, 1e-3);  // both unknown: the mean
  EXPECT_NEAR(predict(model, 77, 88), 3.5, 1e-3);
}

TEST(Biases, StayInsideTheScale) {
  Biases model({.user_regularization = 0, .item_regularization = 0});
  model.fit(ratings(2, 2, {{0, 0, 5}, {0, 1, 4}, {1, 0, 3}}), {});
  EXPECT_GE(predict(model, 1, 1), 1);
  EXPECT_LE(predict(model, 0, 0), 5);
}

TEST(Biases, OfEqualRatingsAreZero) {
  Biases model({});
  model.fit(ratings(2, 2, {{0, 0, 4}, {0, 1, 4}, {1, 0, 4}}), {});
  EXPECT_NEAR(predict(model, 1, 1), 4, 1e-6);
}

TEST(Ridge, SolvesAPositiveDefiniteSystem) {
  std::vector<double> matrix = {4, 99, 99, 2, 5, 99, 1, 3, 6};  // only the lower triangle counts
  std::vector<double> right = {4 * 1 + 2 * -2 + 1 * 3, 2 * 1 + 5 * -2 + 3 * 3, 1 * 1 + 3 * -2 + 6 * 3};
  ASSERT_TRUE(solve_positive_definite(3, matrix, right));
  EXPECT_NEAR(right[0], 1, 1e-12);
  EXPECT_NEAR(right[1], -2, 1e-12);
  EXPECT_NEAR(right[2], 3, 1e-12);
}

TEST(Ridge, RefusesAMatrixThatIsNotPositiveDefinite) {
  std::vector<double> matrix = {1, 0, 2, 1};
  std::vector<double> right = {1, 1};
  EXPECT_FALSE(solve_positive_definite(2, matrix, right));
}

AlsOptions als_options() {
  return {.factors = 2,
          .sweeps = 60,
          .patience = 60,
          .regularization = 0.05,
          .count_regularization = 0,
          .bias_regularization = 0.05};
}

TEST(Als, RecoversFactorsThatBiasesCannot) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(60, 40, left_out);
  Als als(als_options(), 1);
  als.fit(data, {});
  Biases biases({.user_regularization = 1, .item_regularization = 1});
  biases.fit(data, {});
  EXPECT_LT(rmse(als, left_out), 0.1);
  EXPECT_GT(rmse(biases, left_out), 0.3);
}

TEST(Als, ReportsTheMeanSquaredErrorOfItsOwnPredictions) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(30, 20, left_out);
  Als als(als_options(), 1);
  double loss = 0;
  const FitHooks hooks{.validation_score = {}, .on_epoch = [&](const EpochReport& report) { loss = report.loss; }};
  als.fit(data, hooks);
  EXPECT_NEAR(std::sqrt(loss), rmse(als, data.examples), 2e-2);  // predictions are clamped, the loss is not
}

TEST(Als, KeepsTheBestSweep) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(30, 20, left_out);
  Als als(als_options(), 1);
  std::vector<float> seen;
  const FitHooks hooks{.validation_score =
                           [&] {
                             seen.push_back(predict(als, 3, 4));
                             return seen.size() == 2 ? 1.0 : 0.0;
                           },
                       .on_epoch = {}};
  EXPECT_EQ(als.fit(data, hooks).best_epoch, 2);
  EXPECT_EQ(predict(als, 3, 4), seen[1]);
}

TEST(Als, GivesTheSameResultForTheSameSeed) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(30, 20, left_out);
  Als first(als_options(), 4);
  Als second(als_options(), 4);
  first.fit(data, {});
  second.fit(data, {});
  EXPECT_EQ(predict(first, 3, 4), predict(second, 3, 4));
}

TEST(Als, FallsBackToBiasesForUnknownUsersAndItems) {
  auto data = ratings(4, 4, {{0, 0, 5}, {0, 1, 4}, {1, 0, 3}, {1, 1, 1}, {2, 0, 4}});
  Als als(als_options(), 4);
  als.fit(data, {});
  EXPECT_NEAR(predict(als, 3, 3), 3.4, 1e-5);
  EXPECT_NEAR(predict(als, 50, 3), 3.4, 1e-5);
  EXPECT_EQ(als.user_embeddings(std::vector<UserIndex>{3, 50}).abs().sum().item<float>(), 0);
}

TEST(RatingPredictors, AreTheSameAfterSavingAndLoading) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(30, 20, left_out);
  const TemporaryFolder folder;
  Als als(als_options(), 1);
  als.fit(data, {});
  als.save(folder / "als");
  Als loaded({}, 9);
  loaded.load(folder / "als");
  EXPECT_NEAR(predict(loaded, 3, 4), predict(als, 3, 4), 1e-5);
  EXPECT_EQ(loaded.provenance().what, "test ratings");
  EXPECT_EQ(loaded.provenance().interactions, als.provenance().interactions);
  Biases biases({});
  biases.fit(data, {});
  biases.save(folder / "biases");
  Biases loaded_biases({});
  loaded_biases.load(folder / "biases");
  EXPECT_NEAR(predict(loaded_biases, 3, 4), predict(biases, 3, 4), 1e-5);
  EXPECT_THROW(loaded_biases.load(folder / "als"), DataError);
}

TEST(RatingPredictors, RefuseADamagedFile) {
  std::vector<RatingExample> left_out;
  const auto data = low_rank(30, 20, left_out);
  const TemporaryFolder folder;
  Als als(als_options(), 1);
  als.fit(data, {});
  als.save(folder / "good");
  const auto damaged = [&](const std::function<void(tensor::TensorFile&)>& change) {
    auto file = tensor::read_safetensors(folder / "good");
    change(file);
    tensor::write_safetensors(folder / "bad", file);
    try {
      als.load(folder / "bad");
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(damaged([](auto& f) { f.tensors["user_biases"] = torch::zeros({4}); }), HasSubstr("user_factors"));
  EXPECT_THAT(damaged([](auto& f) { f.tensors["item_factors"] = torch::zeros({20, 3}); }), HasSubstr("item_factors"));
  EXPECT_THAT(damaged([](auto& f) { f.tensors["item_biases"][0] = std::nanf(""); }), HasSubstr("damaged"));
  EXPECT_THAT(damaged([](auto& f) { f.metadata["setting.rating_minimum"] = "6"; }), HasSubstr("damaged"));
  EXPECT_THAT(damaged([](auto& f) { f.metadata.erase("setting.mean"); }), HasSubstr("lacks \"mean\""));
}

TEST(RatingPredictors, RefuseBadExamplesWithTheirPlace) {
  Biases model({});
  const auto message = [&](std::vector<RatingExample> examples) {
    try {
      model.fit(ratings(2, 2, std::move(examples)), {});
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message({}), HasSubstr("no rating"));
  EXPECT_THAT(message({{0, 0, 3}, {2, 0, 3}}), HasSubstr("rating 1 is of user 2"));
  EXPECT_THAT(message({{0, 0, 6}}), HasSubstr("outside 1..5"));
  EXPECT_THAT(message({{0, 0, std::nanf("")}}), HasSubstr("outside 1..5"));
}

}  // namespace
}  // namespace llama4rec::recommenders
