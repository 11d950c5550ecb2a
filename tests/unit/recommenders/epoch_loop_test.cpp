#include "recommenders/epoch_loop.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"

namespace llama4rec::recommenders {
namespace {

/// A "model" whose parameter is the number of its last epoch.
struct CountingModel {
  std::int64_t current = 0;
  std::int64_t published = 0;
  std::int64_t kept = 0;

  EpochSteps steps() {
    return {.train =
                [this](std::int64_t epoch) {
                  current = epoch;
                  return 1.0 / static_cast<double>(epoch);
                },
            .publish = [this] { published = current; },
            .keep = [this] { kept = published; },
            .restore = [this] { published = kept; }};
  }
};

TEST(EpochLoop, KeepsTheEpochWithTheBestScore) {
  CountingModel model;
  const FitHooks hooks{.validation_score = [&] { return -std::abs(static_cast<double>(model.published) - 7); },
                       .on_epoch = {}};
  const auto summary = run_epochs("m", {.epochs = 12, .patience = 100, .validate_every = 1}, hooks, model.steps());
  EXPECT_EQ(summary.best_epoch, 7);
  EXPECT_EQ(summary.epochs, 12);
  EXPECT_EQ(model.published, 7);
}

TEST(EpochLoop, StopsAfterTheEpochsOfPatience) {
  CountingModel model;
  const FitHooks hooks{
      .validation_score = [&] { return model.published <= 4 ? 1.0 * static_cast<double>(model.published) : 0.0; },
      .on_epoch = {}};
  const auto summary = run_epochs("m", {.epochs = 100, .patience = 6, .validate_every = 2}, hooks, model.steps());
  EXPECT_EQ(summary.best_epoch, 4);
  EXPECT_EQ(summary.epochs, 10);
}

TEST(EpochLoop, KeepsTheEarliestOfEqualScores) {
  CountingModel model;
  const FitHooks hooks{.validation_score = [] { return 0.5; }, .on_epoch = {}};
  EXPECT_EQ(run_epochs("m", {.epochs = 5, .patience = 9, .validate_every = 1}, hooks, model.steps()).best_epoch, 1);
}

TEST(EpochLoop, RunsAllEpochsAndKeepsTheLastWithoutAValidationScore) {
  CountingModel model;
  const auto summary = run_epochs("m", {.epochs = 9, .patience = 1, .validate_every = 1}, {}, model.steps());
  EXPECT_EQ(summary.epochs, 9);
  EXPECT_EQ(summary.best_epoch, 9);
  EXPECT_EQ(model.published, 9);
}

TEST(EpochLoop, ValidatesTheLastEpochToo) {
  CountingModel model;
  const FitHooks hooks{.validation_score = [&] { return static_cast<double>(model.published); }, .on_epoch = {}};
  EXPECT_EQ(run_epochs("m", {.epochs = 3, .patience = 50, .validate_every = 5}, hooks, model.steps()).best_epoch, 3);
}

TEST(EpochLoop, ReportsEveryEpochOnce) {
  CountingModel model;
  std::vector<std::int64_t> epochs;
  std::vector<bool> validated;
  const FitHooks hooks{.validation_score = [] { return 0.0; },
                       .on_epoch =
                           [&](const EpochReport& report) {
                             epochs.push_back(report.epoch);
                             validated.push_back(!std::isnan(report.validation));
                           }};
  run_epochs("m", {.epochs = 4, .patience = 50, .validate_every = 2}, hooks, model.steps());
  EXPECT_THAT(epochs, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(validated, testing::ElementsAre(false, true, false, true));
}

TEST(EpochLoop, NamesTheEpochAndTheRemedyWhenTheLossIsNotFinite) {
  EpochSteps steps = CountingModel{}.steps();
  steps.train = [](std::int64_t epoch) { return epoch == 3 ? std::numeric_limits<double>::quiet_NaN() : 1.0; };
  try {
    run_epochs("mf", {.epochs = 9, .patience = 1, .validate_every = 1}, {}, steps);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("loss is not finite at epoch 3; lower train.learning_rate"));
  }
}

TEST(EpochLoop, StopsAtAnEpochsEndAfterASignal) {
  CountingModel model;
  EpochSteps steps = model.steps();
  const auto train = steps.train;
  steps.train = [&](std::int64_t epoch) {
    if (epoch == 2) request_interrupt(true);
    return train(epoch);
  };
  EXPECT_THROW(run_epochs("m", {.epochs = 9, .patience = 1, .validate_every = 1}, {}, steps), InterruptedError);
  request_interrupt(false);
  EXPECT_EQ(model.current, 2);
}

}  // namespace
}  // namespace llama4rec::recommenders
