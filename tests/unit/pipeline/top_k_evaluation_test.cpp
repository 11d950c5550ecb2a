#include "pipeline/top_k_evaluation.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/progress.h"
#include "pipeline/fit.h"
#include "pipeline/rating_evaluation.h"

namespace llama4rec::pipeline {
namespace {

using data::Part;
using data::Split;
using data::Task;
using recommenders::RecommenderKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Users with the given items in order, all rated 5, one second apart.
Dataset dataset_of(const std::vector<std::vector<ItemIndex>>& histories, std::int64_t items) {
  Dataset dataset;
  dataset.name = "test";
  dataset.user_offsets.push_back(0);
  for (std::size_t user = 0; user < histories.size(); ++user) {
    dataset.user_ids.push_back("u" + std::to_string(user));
    for (const ItemIndex item : histories[user]) {
      dataset.interactions.push_back({.user = static_cast<UserIndex>(user),
                                      .item = item,
                                      .rating = 5,
                                      .timestamp = static_cast<std::int64_t>(dataset.interactions.size())});
    }
    dataset.user_offsets.push_back(dataset.size());
  }
  for (std::int64_t item = 0; item < items; ++item) {
    dataset.item_ids.push_back("i" + std::to_string(item));
    dataset.item_titles.push_back("Item " + std::to_string(item));
  }
  return dataset;
}

/// User 0: train 0 1, validation 2, test 3. User 1: train 2, validation 3, test 4 (never in training). User 2: train only.
/// User 3: train 3, validation 0, test 1.
class TopKPartTest : public ::testing::Test {
 protected:
  Dataset dataset_ = dataset_of({{0, 1, 2, 3}, {2, 3, 4}, {1, 3}, {3, 0, 1}}, 6);
  Split split_ = Split::leave_one_out(dataset_, Task::kDirect, 4);
  evaluation::EvaluationOptions options_;
};

TEST_F(TopKPartTest, AtValidationHidesAndShowsTheTrainPart) {
  const auto part = top_k_part(dataset_, split_, Part::kValidation, RecommenderKind::kDirect, options_);
  EXPECT_THAT(part.users, ElementsAre(0, 1, 3));
  EXPECT_THAT(part.targets, ElementsAre(2, 3, 0));
  EXPECT_THAT(part.inputs, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3)));
  EXPECT_THAT(part.masked, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3)));
}

TEST_F(TopKPartTest, AtTestAddsTheValidationItemToInputAndMask) {
  const auto part = top_k_part(dataset_, split_, Part::kTest, RecommenderKind::kSequential, options_);
  EXPECT_THAT(part.users, ElementsAre(0, 1, 3));
  EXPECT_THAT(part.targets, ElementsAre(3, -1, 1));  // a test item that training never saw is a miss
  EXPECT_THAT(part.inputs, ElementsAre(ElementsAre(0, 1, 2), ElementsAre(2, 3), ElementsAre(3, 0)));
  EXPECT_THAT(part.masked, ElementsAre(ElementsAre(0, 1, 2), ElementsAre(2, 3), ElementsAre(3, 0)));
}

TEST_F(TopKPartTest, LeavesUsersWithAnUnknownTargetOutForWarmUsers) {
  options_.users = "warm";
  const auto part = top_k_part(dataset_, split_, Part::kTest, RecommenderKind::kDirect, options_);
  EXPECT_THAT(part.users, ElementsAre(0, 3));
  EXPECT_THAT(part.targets, ElementsAre(3, 1));
}

TEST_F(TopKPartTest, FollowsTheLibraryOfThePaperForSelfrec) {
  options_.protocol = "selfrec";
  const auto direct = top_k_part(dataset_, split_, Part::kTest, RecommenderKind::kDirect, options_);
  EXPECT_THAT(direct.inputs, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3)));
  EXPECT_THAT(direct.masked, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3)));
  const auto sequential = top_k_part(dataset_, split_, Part::kTest, RecommenderKind::kSequential, options_);
  EXPECT_THAT(sequential.inputs, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3)));
  EXPECT_THAT(sequential.masked, ElementsAre(IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST_F(TopKPartTest, RefusesAPartWithoutTargets) {
  const Dataset dataset = dataset_of({{0, 1}, {1}}, 2);
  const Split split = Split::leave_one_out(dataset, Task::kDirect, 4);
  EXPECT_THROW(top_k_part(dataset, split, Part::kTest, RecommenderKind::kDirect, options_), DataError);
}

TEST_F(TopKPartTest, TrainingDataHoldsTheTrainPartAndItsProvenance) {
  const TopKTrainingData data = training_data(dataset_, split_, "MF");
  EXPECT_THAT(data.histories, ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(1, 3), ElementsAre(3)));
  EXPECT_EQ(data.provenance.interactions, split_.members(Part::kTrain));
  EXPECT_EQ(data.provenance.what, "MF");
}

TEST_F(TopKPartTest, EvaluationRanksByTheModelWithoutMaskedAndUnknownItems) {
  auto table = std::make_shared<config::OptionTable>();
  recommenders::add_options(*table);
  const auto model = recommenders::create_top_k("popularity", config::Configuration(table), 1);
  model->fit(training_data(dataset_, split_, "popularity"), {});
  // Training counts: items 0..3 have 1, 2, 1, 2.
  const auto part = top_k_part(dataset_, split_, Part::kTest, RecommenderKind::kDirect, options_);
  const auto result = evaluate_top_k(*model, part, {1, 3});
  EXPECT_THAT(result.lists[0].items, ElementsAre(3));
  EXPECT_THAT(result.lists[1].items, ElementsAre(1, 0));
  EXPECT_THAT(result.lists[2].items, ElementsAre(1, 2));
  EXPECT_THAT(result.per_user.at("H@1"), ElementsAre(1, 0, 1));
  EXPECT_NEAR(result.metrics.at("N@3"), 2.0 / 3, 1e-12);
}

TEST_F(TopKPartTest, TheValidationHookIsTheMeanOfN10OnTheValidationPart) {
  auto table = std::make_shared<config::OptionTable>();
  recommenders::add_options(*table);
  const config::Configuration configuration(table);
  const auto model = recommenders::create_top_k("popularity", configuration, 1);
  const FitHooks hooks = validation_hooks(*model, dataset_, split_, options_);
  Progress::silence(true);
  double reported = -1;
  FitHooks watched = hooks;
  watched.on_epoch = [&](const EpochReport& report) { reported = report.validation; };
  fit_with_progress(*model, training_data(dataset_, split_, "popularity"), watched, configuration, "test");
  // User 0 ranks 3 2 (target 2 second), user 1 ranks 1 3 0 (target 3 second), user 3 ranks 1 0 2 (target 0 second).
  EXPECT_NEAR(reported, 1 / std::log2(3.0), 1e-12);
  EXPECT_NEAR(hooks.validation_score(), 1 / std::log2(3.0), 1e-12);
}

TEST(RatingPart, HoldsTheHeldOutRatingsOfThePart) {
  Dataset dataset = dataset_of({{0, 1, 2, 3}, {2, 3, 4}}, 5);
  dataset.interactions[3].rating = 2;
  const Split split = Split::leave_one_out(dataset, Task::kRating, 0);
  evaluation::EvaluationOptions options;
  const auto all = rating_part(dataset, split, Part::kTest, options);
  EXPECT_THAT(all.users, ElementsAre(0, 1));
  EXPECT_THAT(all.items, ElementsAre(3, 4));
  EXPECT_THAT(all.ratings, ElementsAre(2, 5));
  options.users = "warm";  // training: items 0, 1, 2
  EXPECT_THAT(rating_part(dataset, split, Part::kValidation, options).users, ElementsAre(0));
  const auto data = rating_training_data(dataset, split, "ALS");
  EXPECT_EQ(data.examples.size(), 3U);
  EXPECT_EQ(data.provenance.interactions, split.members(Part::kTrain));
}

}  // namespace
}  // namespace llama4rec::pipeline
