#include "recommenders/direct/sgl_trainer.h"

#include <omp.h>

#include "unit/recommenders/trainer_problem.h"

namespace llama4rec::recommenders {
namespace {

struct SglCase {
  ViewKind kind = ViewKind::kEdgeDrop;
  std::int64_t layers = 2;
  bool joint = false;
};

class SglTrainerTest : public ::testing::TestWithParam<SglCase> {
 protected:
  [[nodiscard]] static SglSettings settings(const TrainerProblem& problem) {
    return {.bpr = problem.bpr,
            .views = {.kind = GetParam().kind, .drop_rate = 0.3, .layers = GetParam().layers, .seed = 7},
            .weight = 0.8,
            .temperature = 0.4,
            .joint = GetParam().joint};
  }
};

TEST_P(SglTrainerTest, TheExplicitGradientEqualsFiniteDifferencesOfTheLoss) {
  const TrainerProblem problem(GetParam().layers, 12);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 40);
  expect_gradient_of_the_loss(
      problem, batch, [&](const auto& initial) { return make_fast_sgl_trainer(settings(problem), initial); }, 0.01F,
      0.03);
}

TEST_P(SglTrainerTest, TheExplicitGradientAndLossEqualAutograds) {
  const TrainerProblem problem(GetParam().layers, 20);
  const BprSamples batch = problem.sampler->draw(2).slice(3, 50);
  const auto fast = make_fast_sgl_trainer(settings(problem), problem.initial);
  const auto plain = make_plain_sgl_trainer(settings(problem), problem.initial, "cpu");
  fast->begin_epoch(3);
  plain->begin_epoch(3);
  std::vector<float> fast_gradient;
  std::vector<float> plain_gradient;
  EXPECT_NEAR(fast->loss_and_gradient(batch, fast_gradient), plain->loss_and_gradient(batch, plain_gradient), 2e-6);
  EXPECT_LT(largest_gap(fast_gradient, plain_gradient), 1e-6);
}

TEST_P(SglTrainerTest, FastAndPlainTrainingGiveTheSameEmbeddings) {
  const TrainerProblem problem(GetParam().layers, 20);
  const auto fast = make_fast_sgl_trainer(settings(problem), problem.initial);
  const auto plain = make_plain_sgl_trainer(settings(problem), problem.initial, "cpu");
  for (std::int64_t epoch = 1; epoch <= 4; ++epoch) {
    fast->begin_epoch(epoch);
    plain->begin_epoch(epoch);
    const BprSamples samples = problem.sampler->draw(epoch);
    ASSERT_NEAR(fast->train_epoch(samples), plain->train_epoch(samples), 1e-4);
  }
  EXPECT_LT(largest_gap(fast->final_embeddings(), plain->final_embeddings()), 2e-3);
}

TEST_P(SglTrainerTest, TheNumberOfThreadsDoesNotChangeASingleBit) {
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    omp_set_num_threads(threads);
    const TrainerProblem problem(GetParam().layers, 20);
    const auto trainer = make_fast_sgl_trainer(settings(problem), problem.initial);
    for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
      trainer->begin_epoch(epoch);
      trainer->train_epoch(problem.sampler->draw(epoch));
    }
    results.push_back(trainer->final_embeddings());
  }
  omp_set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Views, SglTrainerTest,
                         ::testing::Values(SglCase{ViewKind::kEdgeDrop, 2, false},
                                           SglCase{ViewKind::kNodeDrop, 1, false},
                                           SglCase{ViewKind::kRandomWalk, 3, false},
                                           SglCase{ViewKind::kRandomWalk, 2, true},
                                           SglCase{ViewKind::kEdgeDrop, 3, true}));

TEST(SglTrainer, WithoutTheContrastiveTermIsLightGcn) {
  const TrainerProblem problem(2, 16);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 30);
  const auto sgl = make_fast_sgl_trainer({.bpr = problem.bpr, .views = {.layers = 2}, .weight = 0}, problem.initial);
  const auto lightgcn = make_fast_bpr_trainer(problem.bpr, problem.initial);
  sgl->begin_epoch(1);
  std::vector<float> a;
  std::vector<float> b;
  EXPECT_NEAR(sgl->loss_and_gradient(batch, a), lightgcn->loss_and_gradient(batch, b), 1e-7);
  EXPECT_LT(largest_gap(a, b), 1e-8);
}

TEST(SglTrainer, ContrastsViewsThatAreFurtherApartWithAHigherLoss) {
  const TrainerProblem problem(1, 64);
  const BprSamples batch = problem.sampler->draw(1).slice(0, 30);
  const auto term = [&](double rate) {
    const auto loss = [&](double weight) {
      const auto trainer = make_fast_sgl_trainer({.bpr = problem.bpr,
                                                  .views = {.drop_rate = rate, .layers = 1, .seed = 1},
                                                  .weight = weight,
                                                  .temperature = 0.1},
                                                 problem.initial);
      trainer->begin_epoch(1);
      std::vector<float> unused;
      return trainer->loss_and_gradient(batch, unused);
    };
    return loss(1) - loss(0);
  };
  EXPECT_GT(term(0), 0);
  EXPECT_GT(term(0.3), 1.5 * term(0));
  EXPECT_GT(term(0.8), 1.5 * term(0.3));
}

}  // namespace
}  // namespace llama4rec::recommenders
