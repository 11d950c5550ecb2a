#include "pipeline/ranking_cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/case_histories.h"
#include "unit/pipeline/two_users.h"

namespace llama4rec::pipeline {
namespace {

using data::LeakGuard;
using data::Part;
using data::Phase;
using testing::by_number;
using ::testing::ElementsAre;
using testing::GivenRecommender;

using RankingCases = testing::TwoUsers;

TEST_F(RankingCases, HistoriesGrowByTheValidationItemAtTestAndCandidatesAreUnseen) {
  make();
  const GivenRecommender backbone = by_number(setup_->direct.members(Part::kTrain));
  const LeakGuard leaks = guard(fold());
  const PhaseCases validation = phase_cases(*setup_, leaks, Phase::kValidation, {.backbone = &backbone});
  ASSERT_EQ(validation.ranking.size(), 2U);
  EXPECT_THAT(validation.ranking[0].history, ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(validation.ranking[0].ranked, ElementsAre(0, 1, 2));
  // The similar user's history never holds that user's validation or test item.
  EXPECT_THAT(validation.ranking[0].similar_history, ElementsAre(9, 8, 7));
  const PhaseCases test = phase_cases(*setup_, leaks, Phase::kTest, {.backbone = &backbone});
  EXPECT_THAT(test.ranking[0].history, ElementsAre(4, 5, 6, 7, 8));
  EXPECT_THAT(test.ranking[1].history, ElementsAre(9, 8, 7, 6));
  EXPECT_THAT(test.ranking[0].similar_history, ElementsAre(9, 8, 7));
  EXPECT_THAT(test.ranking[1].similar_history, ElementsAre(4, 5, 6, 7));
}

TEST_F(RankingCases, ABackboneThatSawTheTestItemIsRefused) {
  make();
  InteractionSet seen = setup_->direct.members(Part::kTrain);
  seen |= setup_->direct.members(Part::kTest);
  const GivenRecommender backbone = by_number(seen);
  EXPECT_THROW(phase_cases(*setup_, guard(fold()), Phase::kTest, {.backbone = &backbone}), data::LeakError);
}

TEST_F(RankingCases, AugmentationOutOfFoldKnowsOnlyWhatItIsGiven) {
  make();
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  InteractionSet within = cut.before;
  const PhaseCases both = phase_cases(*setup_, guard(cut), Phase::kAugmentation,
                                      {.backbone = &backbone, .task = data::Task::kSequential, .within = &within});
  ASSERT_EQ(both.ranking.size(), 2U);
  EXPECT_THAT(both.ranking[0].history, ElementsAre(4, 5));
  EXPECT_THAT(both.ranking[0].similar_history, ElementsAre(9, 8));
  // Who has nothing left is not asked about, and nobody's similar user.
  within.erase(7);
  within.erase(8);
  const PhaseCases one =
      phase_cases(*setup_, guard(cut), Phase::kAugmentation, {.backbone = &backbone, .within = &within});
  ASSERT_EQ(one.ranking.size(), 1U);
  EXPECT_EQ(one.ranking[0].user, 0);
  EXPECT_TRUE(one.ranking[0].similar_history.empty());
}

TEST_F(RankingCases, WhatAnExplicitSplitLeavesOutIsNowhere) {
  std::vector<Part> parts(12, Part::kTrain);
  parts[0] = Part::kUnused;  // user 0, item 4
  parts[5] = Part::kValidation;
  parts[6] = Part::kTest;
  parts[7] = Part::kUnused;  // user 1, item 9
  parts[10] = Part::kValidation;
  parts[11] = Part::kTest;
  make({}, parts);
  EXPECT_FALSE(usable_interactions(*setup_).contains(0));
  EXPECT_EQ(usable_interactions(*setup_).count(), 10);
  const GivenRecommender backbone = by_number(setup_->direct.members(Part::kTrain));
  const PhaseCases test = phase_cases(*setup_, guard(fold()), Phase::kTest, {.backbone = &backbone});
  EXPECT_THAT(test.ranking[0].history, ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(test.ranking[0].similar_history, ElementsAre(8, 7));
  EXPECT_THAT(test.ranking[1].similar_history, ElementsAre(5, 6, 7));
}

}  // namespace
}  // namespace llama4rec::pipeline
