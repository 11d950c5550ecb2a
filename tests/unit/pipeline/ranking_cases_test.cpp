#include "pipeline/ranking_cases.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using data::LeakGuard;
using data::Part;
using data::Phase;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::GivenRecommender;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr ItemIndex kItems = 12;

/// Item n has the score -n: the best unseen items are those with the lowest numbers. The two users are each other's most similar.
GivenRecommender by_number(const InteractionSet& seen) {
  std::vector<float> scores;
  for (ItemIndex item = 0; item < kItems; ++item) scores.push_back(static_cast<float>(-item));
  return {scores, {{1, 0}, {1, 0.1F}}, seen};
}

/// User 0 likes 4 5 6 7 8 9 in that order, with a 2 for item 3 after the third; user 1 likes 9 8 7 6 5.
Dataset two_users() {
  return llama4rec::testing::tiny_dataset(
      {{{4, 5}, {5, 4}, {6, 5}, {3, 2}, {7, 4}, {8, 5}, {9, 5}}, {{9, 5}, {8, 5}, {7, 5}, {6, 5}, {5, 5}}}, kItems);
}

class RankingCases : public ::testing::Test {
 protected:
  void make(const std::vector<std::string>& assignments = {}, std::optional<std::vector<Part>> parts = std::nullopt) {
    std::vector<std::string> all{"prompts.candidates=3", "evaluation.cutoffs=3"};
    all.insert(all.end(), assignments.begin(), assignments.end());
    setup_ = testing::tiny_setup(two_users(), all, std::move(parts));
  }
  /// Item 3 of user 0 is the fourth interaction; the cut lies before the interactions 2.. of user 0 and 9.. of user 1.
  prompts::InstructionFold fold() const {
    const std::int64_t size = setup_->dataset().size();
    prompts::InstructionFold fold{
        .allowed = InteractionSet(size), .before = InteractionSet(size), .targets = InteractionSet(size)};
    for (InteractionIndex i = 0; i < size; ++i) {
      if (setup_->held_out.contains(i)) continue;
      fold.allowed.insert(i);
      const bool before = i < 2 || (i >= 7 && i < 9);
      (before ? fold.before : fold.targets).insert(i);
    }
    return fold;
  }
  LeakGuard guard(const prompts::InstructionFold& fold) const {
    return {setup_->dataset(), {&setup_->direct, &setup_->sequential, &setup_->rating}, fold.targets};
  }
  std::vector<ItemIndex> items_of(const InteractionSet& set) const {
    std::vector<ItemIndex> items;
    for (const InteractionIndex i : set.members()) {
      items.push_back(setup_->dataset().interactions[static_cast<std::size_t>(i)].item);
    }
    return items;
  }
  std::unique_ptr<RunSetup> setup_;
};

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

TEST_F(RankingCases, InstructionsLookBackFromTheirTargetOnly) {
  make({"instructions.ranking_per_user=9", "instructions.pairs_per_user=9", "instructions.injection_rate=1"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.backbone = &backbone}, 1);
  // User 0's held-back positives are 6 and 7 (8 and 9 are held out), user 1's 7.
  ASSERT_EQ(cases.ranking.size(), 3U);
  EXPECT_EQ(cases.pairs.size(), 3U);
  for (const auto& question : cases.ranking) {
    const ItemIndex target = setup_->dataset().interactions[static_cast<std::size_t>(question.target)].item;
    EXPECT_THAT(question.history, Not(Contains(target)));
    EXPECT_EQ(question.ranked.size(), 3U);
    EXPECT_THAT(question.ranked, Contains(target)) << "injected";
    EXPECT_EQ(question.positives.front(), target);
    if (target == 7 && question.user == 0) {
      EXPECT_THAT(question.history, ElementsAre(4, 5, 6));
    }
    if (target == 6) {
      EXPECT_THAT(question.history, ElementsAre(4, 5));
    }
  }
  EXPECT_EQ(cases.injected, 3);
  for (const auto& pair : cases.pairs) {
    EXPECT_FALSE(pair.hinted) << "a hint would give the answer away or mean nothing";
    EXPECT_EQ(pair.ranked.size(), 2U);
    EXPECT_THAT(pair.ranked, Contains(pair.positives.front()));
  }
  ASSERT_EQ(cases.liked_next.size(), 2U);
  EXPECT_THAT(cases.liked_next[0], ElementsAre(6, 7));
  EXPECT_THAT(cases.liked_next[1], ElementsAre(7));
}

TEST_F(RankingCases, WithoutInjectionATargetOutsideTheListGivesNoRanking) {
  make({"instructions.ranking_per_user=9", "instructions.injection_rate=0"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.backbone = &backbone}, 1);
  EXPECT_THAT(cases.ranking, IsEmpty());
  EXPECT_EQ(cases.without_positive, 3);
  EXPECT_THAT(cases.target_positions, IsEmpty());
}

TEST_F(RankingCases, TheLabelPutsTheHigherRatingFirstThenTheLaterItem) {
  // The candidates of a recommender that prefers high numbers hold 6 and 7, the held-back positives.
  make({"instructions.ranking_per_user=9", "instructions.injection_rate=0", "prompts.candidates=6"});
  const auto cut = fold();
  std::vector<float> scores;
  for (ItemIndex item = 0; item < kItems; ++item) scores.push_back(static_cast<float>(item));
  const GivenRecommender backbone(scores, {{1, 0}, {1, 0.1F}}, cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.backbone = &backbone}, 1);
  const auto of_target = std::find_if(cases.ranking.begin(), cases.ranking.end(),
                                      [](const auto& it) { return it.user == 0 && it.target == 2; });
  ASSERT_NE(of_target, cases.ranking.end());
  EXPECT_THAT(of_target->ranked, ElementsAre(11, 10, 9, 8, 7, 6));
  EXPECT_THAT(of_target->positives, ElementsAre(6, 7)) << "rated 5 before rated 4; 8 and 9 are no held-back items";
}

TEST_F(RankingCases, TheProvenanceOfInstructionsNamesAllTheirTextWasMadeFrom) {
  make({"instructions.ranking_per_user=9"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.backbone = &backbone}, 1);
  // Users 0: 4 5 6 and the targets 6 7; user 1, also as the similar user: 9 8 and 7. Item 3 stands in rating text alone.
  EXPECT_THAT(items_of(cases.provenance.interactions), ElementsAre(4, 5, 6, 3, 7, 9, 8, 7));
  EXPECT_EQ(cases.provenance.interactions.first_common(setup_->held_out), -1);
}

TEST_F(RankingCases, ABackboneThatSawTheTargetsIsRefusedForInstructions) {
  make();
  const auto cut = fold();
  const GivenRecommender backbone = by_number(setup_->direct.members(Part::kTrain));
  EXPECT_THROW(tuning_cases(*setup_, guard(cut), cut, {.backbone = &backbone}, 1), data::LeakError);
}

}  // namespace
}  // namespace llama4rec::pipeline
