// A small problem for the tests of trainers of embeddings, with pairs from data augmentation.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "recommenders/direct/bpr_trainer.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {

struct TrainerProblem {
  TrainerProblem(std::int64_t layers, std::int64_t dimension)
      : data(two_groups(17, 23, 6, 5)), graph(build_graph(data.histories, data.items)) {
    data.pairs = {{.user = 0, .preferred = 3, .other = 4}, {.user = 2, .preferred = 1, .other = 0}};
    bpr = {.users = data.users,
           .items = data.items,
           .dimension = dimension,
           .layers = layers,
           .batch_size = 32,
           .learning_rate = 0.01,
           .regularization = 0.3,
           .parallel_from = 0,
           .graph = &graph};
    statistics = inspect(data);
    sampler = std::make_unique<BprSampler>(data, statistics, 0.5, 11);
    initial = glorot_embeddings(bpr, 3);
  }
  TrainerProblem(const TrainerProblem&) = delete;
  TrainerProblem& operator=(const TrainerProblem&) = delete;
  TrainerProblem(TrainerProblem&&) = delete;
  TrainerProblem& operator=(TrainerProblem&&) = delete;
  ~TrainerProblem() = default;

  TopKTrainingData data;
  InteractionGraph graph;
  BprSettings bpr;
  TrainingStatistics statistics;
  std::unique_ptr<BprSampler> sampler;
  std::vector<float> initial;
};

inline double largest_gap(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t n = 0; n < std::min(a.size(), b.size()); ++n) {
    largest = std::max(largest, static_cast<double>(std::abs(a[n] - b[n])));
  }
  return largest;
}

/// Holds the explicit gradient against differences of the loss; `make` builds a trainer from initial embeddings.
inline void expect_gradient_of_the_loss(
    const TrainerProblem& problem, const BprSamples& batch,
    const std::function<std::unique_ptr<BprTrainer>(const std::vector<float>&)>& make, float step, double tolerance) {
  std::vector<float> gradient;
  const auto loss_at = [&](const std::vector<float>& initial, std::vector<float>& slopes) {
    const auto trainer = make(initial);
    trainer->begin_epoch(1);
    return trainer->loss_and_gradient(batch, slopes);
  };
  loss_at(problem.initial, gradient);
  std::vector<float> unused;
  RandomStream stream(1, "tests.gradient");
  for (int n = 0; n < 60; ++n) {
    const std::size_t place = stream.below(problem.initial.size());
    std::vector<float> up = problem.initial;
    std::vector<float> down = problem.initial;
    up[place] += step;
    down[place] -= step;
    const double slope = (loss_at(up, unused) - loss_at(down, unused)) /
                         (static_cast<double>(up[place]) - static_cast<double>(down[place]));
    EXPECT_NEAR(static_cast<double>(gradient[place]), slope, tolerance * (0.01 + std::abs(slope)))
        << "parameter " << place;
  }
}

}  // namespace llama4rec::recommenders
