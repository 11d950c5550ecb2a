#include "recommenders/direct/bpr_trainer.h"

#include <cmath>
#include <memory>

#include <gtest/gtest.h>
#include <omp.h>

#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

/// Data, sampler and graph of one small problem.
struct Problem {
  Problem(std::int64_t layers, std::int64_t dimension, double regularization)
      : data(two_groups(17, 23, 6, 5)), graph(build_graph(data.histories, data.items)) {
    data.pairs = {{.user = 0, .preferred = 3, .other = 4}, {.user = 2, .preferred = 1, .other = 0}};
    settings = {.users = data.users,
                .items = data.items,
                .dimension = dimension,
                .layers = layers,
                .batch_size = 32,
                .learning_rate = 0.01,
                .regularization = regularization,
                .parallel_from = 0,
                .graph = &graph};
    statistics = inspect(data);
    sampler = std::make_unique<BprSampler>(data, statistics, 0.5, 11);
    initial = glorot_embeddings(settings, 3);
  }

  TopKTrainingData data;
  InteractionGraph graph;
  BprSettings settings;
  TrainingStatistics statistics;
  std::unique_ptr<BprSampler> sampler;
  std::vector<float> initial;
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t n = 0; n < std::min(a.size(), b.size()); ++n) {
    largest = std::max(largest, static_cast<double>(std::abs(a[n] - b[n])));
  }
  return largest;
}

/// Parametrised by the number of layers (0: matrix factorisation) and the dimension.
class BprTrainerTest : public ::testing::TestWithParam<std::pair<std::int64_t, std::int64_t>> {
 protected:
  [[nodiscard]] static std::int64_t layers() { return GetParam().first; }
  [[nodiscard]] static std::int64_t dimension() { return GetParam().second; }
};

TEST_P(BprTrainerTest, TheExplicitGradientEqualsFiniteDifferencesOfTheLoss) {
  Problem problem(layers(), dimension(), 0.3);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 40);
  std::vector<float> gradient;
  make_fast_bpr_trainer(problem.settings, problem.initial)->loss_and_gradient(batch, gradient);
  std::vector<float> unused;
  const float step = 0.02F;
  RandomStream stream(1, "tests.gradient");
  for (int n = 0; n < 60; ++n) {
    const std::size_t place = stream.below(problem.initial.size());
    const auto loss_at = [&](float shift) {
      std::vector<float> moved = problem.initial;
      moved[place] += shift;
      return make_fast_bpr_trainer(problem.settings, moved)->loss_and_gradient(batch, unused);
    };
    const double slope = (loss_at(step) - loss_at(-step)) / (2.0 * static_cast<double>(step));
    EXPECT_NEAR(static_cast<double>(gradient[place]), slope, 2e-5 + 2e-3 * std::abs(slope)) << "parameter " << place;
  }
}

TEST_P(BprTrainerTest, TheExplicitGradientAndLossEqualAutograds) {
  Problem problem(layers(), dimension(), 0.3);
  const BprSamples batch = problem.sampler->draw(2).slice(3, 50);
  std::vector<float> fast;
  std::vector<float> plain;
  const double fast_loss = make_fast_bpr_trainer(problem.settings, problem.initial)->loss_and_gradient(batch, fast);
  const double plain_loss =
      make_plain_bpr_trainer(problem.settings, problem.initial, "cpu")->loss_and_gradient(batch, plain);
  EXPECT_NEAR(fast_loss, plain_loss, 1e-6);
  EXPECT_LT(largest_difference(fast, plain), 1e-7);
}

TEST_P(BprTrainerTest, FastAndPlainTrainingGiveTheSameEmbeddings) {
  Problem problem(layers(), dimension(), 1e-3);
  const auto fast = make_fast_bpr_trainer(problem.settings, problem.initial);
  const auto plain = make_plain_bpr_trainer(problem.settings, problem.initial, "cpu");
  for (std::int64_t epoch = 1; epoch <= 5; ++epoch) {
    const BprSamples samples = problem.sampler->draw(epoch);
    ASSERT_NEAR(fast->train_epoch(samples), plain->train_epoch(samples), 1e-4);
  }
  // Adam divides by the root of the squared gradient: rounding in tiny gradients moves a parameter by a part of the step.
  EXPECT_LT(largest_difference(fast->initial_embeddings(), plain->initial_embeddings()), 2e-3);
  EXPECT_LT(largest_difference(fast->final_embeddings(), plain->final_embeddings()), 2e-3);
}

TEST_P(BprTrainerTest, TrainingLowersTheLoss) {
  Problem problem(layers(), dimension(), 0);
  const auto trainer = make_fast_bpr_trainer(problem.settings, problem.initial);
  const double first = trainer->train_epoch(problem.sampler->draw(1));
  double last = first;
  for (std::int64_t epoch = 2; epoch <= 40; ++epoch) last = trainer->train_epoch(problem.sampler->draw(epoch));
  EXPECT_NEAR(first, std::log(2.0), 0.15);
  EXPECT_LT(last, 0.5 * first);
}

TEST_P(BprTrainerTest, TheNumberOfThreadsDoesNotChangeASingleBit) {
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    omp_set_num_threads(threads);
    Problem problem(layers(), dimension(), 1e-3);
    const auto trainer = make_fast_bpr_trainer(problem.settings, problem.initial);
    for (std::int64_t epoch = 1; epoch <= 4; ++epoch) trainer->train_epoch(problem.sampler->draw(epoch));
    results.push_back(trainer->final_embeddings());
  }
  omp_set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(LayersAndDimensions, BprTrainerTest,
                         ::testing::Values(std::pair<std::int64_t, std::int64_t>{0, 16},
                                           std::pair<std::int64_t, std::int64_t>{0, 5},
                                           std::pair<std::int64_t, std::int64_t>{1, 16},
                                           std::pair<std::int64_t, std::int64_t>{2, 20},
                                           std::pair<std::int64_t, std::int64_t>{3, 70}));

TEST(BprLoss, OfOneSampleIsTheFormula) {
  const BprSettings settings{.users = 1,
                             .items = 2,
                             .dimension = 2,
                             .layers = 0,
                             .batch_size = 8,
                             .learning_rate = 0.1,
                             .regularization = 0.5,
                             .graph = nullptr};
  const std::vector<float> initial = {1, 2, /* items */ 0.5F, 1, 1, -1};
  const std::vector<UserIndex> users = {0};
  const std::vector<ItemIndex> preferred = {0};
  const std::vector<ItemIndex> others = {1};
  const std::vector<float> weights = {2};
  const BprSamples batch{users, preferred, others, weights};
  std::vector<float> gradient;
  const double loss = make_fast_bpr_trainer(settings, initial)->loss_and_gradient(batch, gradient);
  // x = (1, 2) . (-0.5, 2) = 3.5; squares: 5 + 1.25 + 2.
  const double sigmoid = 1 / (1 + std::exp(-3.5));
  EXPECT_NEAR(loss, -2 * std::log(sigmoid) + 0.25 * 8.25, 1e-6);
  const double slope = -2 * (1 - sigmoid);
  EXPECT_NEAR(gradient[0], slope * -0.5 + 0.5 * 1, 1e-6);
  EXPECT_NEAR(gradient[1], slope * 2 + 0.5 * 2, 1e-6);
  EXPECT_NEAR(gradient[2], slope * 1 + 0.5 * 0.5, 1e-6);
  EXPECT_NEAR(gradient[5], -slope * 2 + 0.5 * -1, 1e-6);
}

TEST(GlorotEmbeddings, StayInsideTheirBoundsAndFillThem) {
  const BprSettings settings{.users = 100, .items = 300, .dimension = 16};
  const auto values = glorot_embeddings(settings, 9);
  ASSERT_EQ(values.size(), 6400U);
  float largest_user = 0;
  float largest_item = 0;
  for (std::size_t n = 0; n < values.size(); ++n) {
    float& largest = n < 1600 ? largest_user : largest_item;
    largest = std::max(largest, std::abs(values[n]));
  }
  EXPECT_LE(largest_user, std::sqrt(6.0F / 116));
  EXPECT_GT(largest_user, 0.95F * std::sqrt(6.0F / 116));
  EXPECT_LE(largest_item, std::sqrt(6.0F / 316));
  EXPECT_GT(largest_item, 0.95F * std::sqrt(6.0F / 316));
}

}  // namespace
}  // namespace llama4rec::recommenders
