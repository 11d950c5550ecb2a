// Trainings that are cut short go on to the same bits, and saved models are continued.
#include <fstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "recommenders/registry.h"
#include "recommenders/training_state.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::HasSubstr;

struct ResumeCase {
  std::string model;
  std::string kernels;
};

class ResumeTest : public ::testing::TestWithParam<ResumeCase> {
 protected:
  [[nodiscard]] static std::unique_ptr<TopKRecommender> model(std::uint64_t seed = 1) {
    return create_top_k(
        GetParam().model,
        configuration({"train.epochs=24", "train.batch_size=64", "train.embedding=12", "train.learning_rate=0.02",
                       "train.validate_every=3", "train.patience=9", "train.kernels=" + GetParam().kernels}),
        seed);
  }
  /// A validation score that rises and falls with the parameters' own values, so that the best epoch is an early one.
  [[nodiscard]] static FitHooks hooks(const TopKRecommender& model) {
    return {.validation_score =
                [&model] {
                  const auto scores = model.score(std::vector<UserIndex>{0, 1, 2}, {});
                  return -std::abs(scores.abs().mean().item<double>() - 1.0);
                },
            .on_epoch = {}};
  }
  static torch::Tensor scores(const TopKRecommender& model) {
    return model.score(std::vector<UserIndex>{0, 3, 7, 20}, {});
  }
};

TEST_P(ResumeTest, ReachesTheSameBitsAfterKillsAtRandomEpochs) {
  const auto data = two_groups(24, 40, 8, 3);
  const auto whole = model();
  const FitSummary expected = whole->fit(data, hooks(*whole));
  EXPECT_LT(expected.best_epoch, expected.epochs);
  const TemporaryFolder folder;
  RandomStream stream(9, "tests.kills");
  FitSummary summary;
  int kills = 0;
  for (bool done = false; !done;) {
    const auto cut = model();
    FitHooks watched = hooks(*cut);
    watched.checkpoint = {.file = folder / "state", .key = "a", .time_share = 1e9};
    std::int64_t left = 2 + static_cast<std::int64_t>(stream.below(5));
    // Before the epoch's state is kept: it is lost, as by a kill.
    watched.on_epoch = [&](const EpochReport&) {
      if (--left == 0) throw Killed();
    };
    try {
      summary = cut->fit(data, watched);
      done = true;
      EXPECT_TRUE(torch::equal(scores(*cut), scores(*whole)));
    } catch (const Killed&) {
      ++kills;
    }
    ASSERT_LT(kills, 100);
  }
  EXPECT_GT(kills, 2);
  EXPECT_EQ(summary.epochs, expected.epochs);
  EXPECT_EQ(summary.best_epoch, expected.best_epoch);
}

TEST_P(ResumeTest, GoesOnWithAnotherNumberOfThreads) {
  const auto data = two_groups(24, 40, 8, 3);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto whole = model();
  whole->fit(data, {});
  const TemporaryFolder folder;
  FitHooks watched;
  watched.checkpoint = {.file = folder / "state", .key = "a", .time_share = 1e9};
  watched.on_epoch = [](const EpochReport& report) {
    if (report.epoch == 10) throw Killed();
  };
  EXPECT_THROW(model()->fit(data, watched), Killed);
  at::set_num_threads(3);
  std::vector<std::int64_t> epochs;
  watched.on_epoch = [&](const EpochReport& report) { epochs.push_back(report.epoch); };
  const auto resumed = model();
  resumed->fit(data, watched);
  at::set_num_threads(before);
  ASSERT_FALSE(epochs.empty());
  EXPECT_EQ(epochs.front(), 10);  // the ninth is the last that was kept
  // Own kernels give the same bits with any number of threads, libtorch's operators up to rounding.
  if (GetParam().kernels == "fast") {
    EXPECT_TRUE(torch::equal(scores(*resumed), scores(*whole)));
  } else {
    EXPECT_TRUE(torch::allclose(scores(*resumed), scores(*whole), 1e-3, 1e-3));
  }
}

TEST_P(ResumeTest, TakesAFinishedTrainingAsItIs) {
  const auto data = two_groups(24, 40, 8, 3);
  const TemporaryFolder folder;
  const auto first = model();
  FitHooks watched = hooks(*first);
  watched.checkpoint = {.file = folder / "state", .key = "a"};
  first->fit(data, watched);
  const auto second = model();
  watched = hooks(*second);
  watched.checkpoint = {.file = folder / "state", .key = "a"};
  watched.on_epoch = [](const EpochReport&) { FAIL() << "an epoch was trained"; };
  second->fit(data, watched);
  EXPECT_TRUE(torch::equal(scores(*first), scores(*second)));
}

TEST_P(ResumeTest, KeepsTheStateWhenASignalStopsIt) {
  const auto data = two_groups(24, 40, 8, 3);
  const TemporaryFolder folder;
  const auto cut = model();
  FitHooks watched;
  watched.checkpoint = {.file = folder / "state", .key = "a", .time_share = 0};
  watched.on_epoch = [](const EpochReport& report) { request_interrupt(report.epoch == 7); };
  try {
    cut->fit(data, watched);
    ADD_FAILURE() << "was not stopped";
  } catch (const InterruptedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("resumes"));
  }
  request_interrupt(false);
  std::vector<std::int64_t> epochs;
  watched.on_epoch = [&](const EpochReport& report) { epochs.push_back(report.epoch); };
  cut->fit(data, watched);
  ASSERT_FALSE(epochs.empty());
  EXPECT_EQ(epochs.front(), 8);
}

TEST_P(ResumeTest, RefusesTheStateOfAnotherTraining) {
  const auto data = two_groups(24, 40, 8, 3);
  const TemporaryFolder folder;
  FitHooks watched;
  watched.checkpoint = {.file = folder / "state", .key = "a"};
  model()->fit(data, watched);
  watched.checkpoint.key = "b";
  try {
    model()->fit(data, watched);
    ADD_FAILURE() << "took it";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("other options, another seed or other data"));
  }
  std::ofstream(folder / "state", std::ios::binary) << "not a state";
  EXPECT_THROW(model()->fit(data, watched), DataError);
}

TEST_P(ResumeTest, ContinuesASavedModelFromItsParameters) {
  const auto data = two_groups(24, 40, 8, 3);
  const TemporaryFolder folder;
  const auto trained = model();
  trained->fit(data, {});
  trained->save(folder / "model");
  // How far the scores after three epochs are from the saved model's.
  const auto distance = [&](FitStart start) {
    const auto next = model(2);
    next->load(folder / "model");
    torch::Tensor early;
    FitHooks watched;
    watched.start = start;
    watched.validation_score = [&] {
      if (!early.defined()) early = scores(*next);
      return 0.0;
    };
    next->fit(data, watched);
    return (early - scores(*trained)).norm().item<double>();
  };
  EXPECT_LT(distance(FitStart::kContinued), 0.6 * distance(FitStart::kFresh));
}

TEST_P(ResumeTest, ContinuesOnlyWhatFits) {
  const auto data = two_groups(24, 40, 8, 3);
  FitHooks watched;
  watched.start = FitStart::kContinued;
  EXPECT_THROW(model()->fit(data, watched), UsageError);
  const auto trained = model();
  trained->fit(data, {});
  EXPECT_THROW(trained->fit(two_groups(25, 40, 8, 3), watched), DataError);
}

INSTANTIATE_TEST_SUITE_P(Models, ResumeTest,
                         ::testing::Values(ResumeCase{"mf", "fast"}, ResumeCase{"mf", "plain"},
                                           ResumeCase{"lightgcn", "fast"}, ResumeCase{"lightgcn", "plain"},
                                           ResumeCase{"sgl", "fast"}, ResumeCase{"sgl", "plain"},
                                           ResumeCase{"mixgcf", "fast"}, ResumeCase{"mixgcf", "plain"}));

TEST(StateKeeper, GivesBackWhatItWasGiven) {
  const TemporaryFolder folder;
  StateKeeper keeper("m", {.file = folder / "state", .key = "k"});
  EXPECT_FALSE(keeper.read().has_value());
  const TrainingPosition position{
      .summary = {.epochs = 5, .best_epoch = 3, .train_seconds = 1.25}, .best = -0.125, .ended = true};
  keeper.write(position, {{"a", torch::tensor({1.5F, 2.5F})}, {"undefined", torch::Tensor()}});
  const auto kept = keeper.read();
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->position.summary.epochs, 5);
  EXPECT_EQ(kept->position.summary.best_epoch, 3);
  EXPECT_EQ(kept->position.summary.train_seconds, 1.25);
  EXPECT_EQ(kept->position.best, -0.125);
  EXPECT_TRUE(kept->position.ended);
  ASSERT_EQ(kept->tensors.size(), 1U);
  EXPECT_TRUE(torch::equal(kept->tensors.at("a"), torch::tensor({1.5F, 2.5F})));
}

TEST(StateKeeper, WritesNoMoreThanItsShareOfTheTime) {
  const TemporaryFolder folder;
  StateKeeper keeper("m", {.file = folder / "state", .key = "k", .time_share = 1e-6});
  EXPECT_TRUE(keeper.due());
  keeper.write({.summary = {.epochs = 1}}, {{"a", torch::zeros({100000})}});
  EXPECT_FALSE(keeper.due());
}

}  // namespace
}  // namespace llama4rec::recommenders
