#include "recommenders/direct/mixgcf_trainer.h"

#include <omp.h>

#include "recommenders/direct/mixing_draws.h"
#include "unit/recommenders/trainer_problem.h"

namespace llama4rec::recommenders {
namespace {

struct MixGcfCase {
  std::int64_t layers = 2;
  std::int64_t candidates = 5;
  double dropout = 0;
};

class MixGcfTrainerTest : public ::testing::TestWithParam<MixGcfCase> {
 protected:
  [[nodiscard]] static MixGcfSettings settings(const TrainerProblem& problem) {
    return {.bpr = problem.bpr,
            .sampler = problem.sampler.get(),
            .candidates = GetParam().candidates,
            .dropout = GetParam().dropout,
            .seed = 7};
  }
};

TEST_P(MixGcfTrainerTest, TheExplicitGradientEqualsFiniteDifferencesOfTheLoss) {
  const TrainerProblem problem(GetParam().layers, 12);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 12);
  // The choice among several candidates is a step of the loss; with one candidate there is none.
  auto single = settings(problem);
  single.candidates = 1;
  expect_gradient_of_the_loss(
      problem, batch, [&](const auto& initial) { return make_fast_mixgcf_trainer(single, initial); }, 0.02F, 0.03);
}

TEST_P(MixGcfTrainerTest, TheExplicitGradientAndLossEqualAutograds) {
  const TrainerProblem problem(GetParam().layers, 20);
  const BprSamples batch = problem.sampler->draw(2).slice(3, 60);
  const auto fast = make_fast_mixgcf_trainer(settings(problem), problem.initial);
  const auto plain = make_plain_mixgcf_trainer(settings(problem), problem.initial, "cpu");
  fast->begin_epoch(3);
  plain->begin_epoch(3);
  std::vector<float> fast_gradient;
  std::vector<float> plain_gradient;
  EXPECT_NEAR(fast->loss_and_gradient(batch, fast_gradient), plain->loss_and_gradient(batch, plain_gradient), 2e-6);
  EXPECT_LT(largest_gap(fast_gradient, plain_gradient), 1e-6);
}

TEST_P(MixGcfTrainerTest, FastAndPlainTrainingGiveTheSameEmbeddings) {
  const TrainerProblem problem(GetParam().layers, 20);
  const auto fast = make_fast_mixgcf_trainer(settings(problem), problem.initial);
  const auto plain = make_plain_mixgcf_trainer(settings(problem), problem.initial, "cpu");
  for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
    fast->begin_epoch(epoch);
    plain->begin_epoch(epoch);
    const BprSamples samples = problem.sampler->draw(epoch);
    ASSERT_NEAR(fast->train_epoch(samples), plain->train_epoch(samples), 1e-4);
  }
  EXPECT_LT(largest_gap(fast->final_embeddings(), plain->final_embeddings()), 2e-3);
}

TEST_P(MixGcfTrainerTest, TheNumberOfThreadsDoesNotChangeASingleBit) {
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    omp_set_num_threads(threads);
    const TrainerProblem problem(GetParam().layers, 20);
    const auto trainer = make_fast_mixgcf_trainer(settings(problem), problem.initial);
    for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
      trainer->begin_epoch(epoch);
      trainer->train_epoch(problem.sampler->draw(epoch));
    }
    results.push_back(trainer->final_embeddings());
  }
  omp_set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MixGcfTrainerTest,
                         ::testing::Values(MixGcfCase{1, 1, 0}, MixGcfCase{2, 1, 0.3}, MixGcfCase{3, 1, 0.2},
                                           MixGcfCase{2, 5, 0}, MixGcfCase{3, 16, 0.2}, MixGcfCase{4, 3, 0.1}));

TEST(MixGcfTrainer, KeepsTheItemOfAPairUnmixed) {
  // One layer, no dropout, one sample whose item is given: LightGCN's loss exactly.
  const TrainerProblem problem(1, 16);
  const std::vector<UserIndex> users = {0};
  const std::vector<ItemIndex> preferred = {3};
  const std::vector<ItemIndex> others = {4};
  const std::vector<float> weights = {0.5F};
  const std::vector<std::uint8_t> given = {1};
  const BprSamples batch{users, preferred, others, weights, given};
  const auto mix = make_fast_mixgcf_trainer(
      {.bpr = problem.bpr, .sampler = problem.sampler.get(), .candidates = 4, .dropout = 0}, problem.initial);
  const auto lightgcn = make_fast_bpr_trainer(problem.bpr, problem.initial);
  mix->begin_epoch(1);
  std::vector<float> a;
  std::vector<float> b;
  EXPECT_NEAR(mix->loss_and_gradient(batch, a), lightgcn->loss_and_gradient(batch, b), 1e-6);
  EXPECT_LT(largest_gap(a, b), 1e-6);
}

TEST(MixGcfTrainer, MoreCandidatesMakeHarderNegatives) {
  const TrainerProblem problem(2, 16);
  const auto loss = [&](std::int64_t candidates) {
    auto settings = problem.bpr;
    settings.regularization = 0;
    const auto trainer = make_fast_mixgcf_trainer(
        {.bpr = settings, .sampler = problem.sampler.get(), .candidates = candidates, .dropout = 0}, problem.initial);
    trainer->begin_epoch(1);
    std::vector<float> unused;
    return trainer->loss_and_gradient(problem.sampler->draw(1).slice(0, 80), unused);
  };
  EXPECT_GT(loss(32), loss(1) + 0.005);
}

TEST(MixingDraws, AreItemsThatTheUserHasNotSeen) {
  const TrainerProblem problem(2, 16);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 60);
  const auto items = MixingDraws(3, 2).candidates(*problem.sampler, batch, 0, 40);
  ASSERT_EQ(items.size(), 2400U);
  for (std::size_t n = 0; n < items.size(); ++n) {
    const auto& history = problem.data.histories[static_cast<std::size_t>(batch.users[n / 40])];
    if (batch.is_given(n / 40)) {
      EXPECT_EQ(items[n], batch.others[n / 40]);
    } else {
      EXPECT_EQ(std::count(history.begin(), history.end(), items[n]), 0);
    }
  }
  // A later batch of the same epoch continues the numbering of samples.
  const auto tail = MixingDraws(3, 2).candidates(*problem.sampler, batch.slice(20, 40), 20, 40);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), items.begin() + 800));
}

TEST(CounterRandom, IsUniform) {
  std::vector<int> bins(20, 0);
  double sum = 0;
  double products = 0;
  double previous = 0.5;
  const int keys = 4000;
  for (int n = 0; n < keys; ++n) {
    const Lane values = uniform_lane(mixed_key(17, static_cast<std::uint64_t>(n)), static_cast<std::uint32_t>(n % 5));
    for (int i = 0; i < kLaneWidth; ++i) {
      const auto value = static_cast<double>(values[i]);
      ASSERT_GT(value, 0);
      ASSERT_LT(value, 1);
      ++bins[static_cast<std::size_t>(value * 20)];
      sum += value;
      products += (value - 0.5) * (previous - 0.5);
      previous = value;
    }
  }
  const double count = keys * 16.0;
  EXPECT_NEAR(sum / count, 0.5, 5 * std::sqrt(1 / (12 * count)));
  EXPECT_NEAR(products / count, 0, 5 / (12 * std::sqrt(count)));
  for (const int bin : bins) EXPECT_NEAR(bin, count / 20, 5 * std::sqrt(count / 20));
}

TEST(DropoutLane, KeepsTheMean) {
  double sum = 0;
  int zeros = 0;
  for (std::uint64_t key = 0; key < 3000; ++key) {
    const Lane values = dropout_lane(mixed_key(5, key), 0, 0.2F);
    for (int i = 0; i < kLaneWidth; ++i) {
      sum += static_cast<double>(values[i]);
      zeros += values[i] == 0 ? 1 : 0;
    }
  }
  EXPECT_NEAR(zeros / 48000.0, 0.2, 5 * std::sqrt(0.16 / 48000));
  EXPECT_NEAR(sum / 48000, 1, 5 * std::sqrt(0.25 / 48000));
}

}  // namespace
}  // namespace llama4rec::recommenders
