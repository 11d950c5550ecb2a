#include "pipeline/tuning_cases.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/two_users.h"

namespace llama4rec::pipeline {
namespace {

using data::Part;
using testing::by_number;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::GivenRecommender;
using ::testing::IsEmpty;
using ::testing::Not;

using InstructionCases = testing::TwoUsers;

TEST_F(InstructionCases, InstructionsLookBackFromTheirTargetOnly) {
  make({"instructions.ranking_per_user=9", "instructions.pairs_per_user=9", "instructions.injection_rate=1",
        "instructions.choices_per_user=1", "instructions.choice_candidates=4"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.direct = &backbone}, 1);
  // User 0's held-back positives are 6 and 7 (8 and 9 are held out), user 1's 7.
  ASSERT_EQ(cases.ranking.size(), 3U);
  EXPECT_EQ(cases.pairs.size(), 3U);
  EXPECT_EQ(cases.choices.size(), 2U) << "one per user";
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
  for (const auto& choice : cases.choices) {
    EXPECT_FALSE(choice.hinted);
    EXPECT_EQ(choice.ranked.size(), 4U) << "instructions.choice_candidates";
    EXPECT_THAT(choice.ranked, Contains(choice.positives.front()));
    EXPECT_EQ(std::set(choice.ranked.begin(), choice.ranked.end()).size(), 4U);
    for (const ItemIndex seen : choice.history) EXPECT_THAT(choice.ranked, Not(Contains(seen)));
  }
  ASSERT_EQ(cases.liked_next.size(), 2U);
  EXPECT_THAT(cases.liked_next[0], ElementsAre(6, 7));
  EXPECT_THAT(cases.liked_next[1], ElementsAre(7));
}

TEST_F(InstructionCases, WithoutInjectionATargetOutsideTheListGivesNoRanking) {
  make({"instructions.ranking_per_user=9", "instructions.injection_rate=0"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.direct = &backbone}, 1);
  EXPECT_THAT(cases.ranking, IsEmpty());
  EXPECT_EQ(cases.without_positive, 3);
  EXPECT_THAT(cases.target_positions, IsEmpty());
}

TEST_F(InstructionCases, TheLabelPutsTheHigherRatingFirstThenTheLaterItem) {
  // The candidates of a recommender that prefers high numbers hold 6 and 7, the held-back positives.
  make({"instructions.ranking_per_user=9", "instructions.injection_rate=0", "prompts.candidates=6"});
  const auto cut = fold();
  std::vector<float> scores;
  for (ItemIndex item = 0; item < testing::kItems; ++item) scores.push_back(static_cast<float>(item));
  const GivenRecommender backbone(scores, {{1, 0}, {1, 0.1F}}, cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.direct = &backbone}, 1);
  const auto of_target = std::find_if(cases.ranking.begin(), cases.ranking.end(),
                                      [](const auto& it) { return it.user == 0 && it.target == 2; });
  ASSERT_NE(of_target, cases.ranking.end());
  EXPECT_THAT(of_target->ranked, ElementsAre(11, 10, 9, 8, 7, 6));
  EXPECT_THAT(of_target->positives, ElementsAre(6, 7)) << "rated 5 before rated 4; 8 and 9 are no held-back items";
}

TEST_F(InstructionCases, TheProvenanceOfInstructionsNamesAllTheirTextWasMadeFrom) {
  make({"instructions.ranking_per_user=9"});
  const auto cut = fold();
  const GivenRecommender backbone = by_number(cut.before);
  const TuningCases cases = tuning_cases(*setup_, guard(cut), cut, {.direct = &backbone}, 1);
  // Users 0: 4 5 6 and the targets 6 7; user 1, also as the similar user: 9 8 and 7. Item 3 would stand in rating text alone,
  // which nobody asks for without a rating predictor.
  EXPECT_THAT(items_of(cases.provenance.interactions), ElementsAre(4, 5, 6, 7, 9, 8, 7));
  EXPECT_EQ(cases.provenance.interactions.first_common(setup_->held_out), -1);
}

TEST_F(InstructionCases, ABackboneThatSawTheTargetsIsRefusedForInstructions) {
  make();
  const auto cut = fold();
  const GivenRecommender backbone = by_number(setup_->direct.members(Part::kTrain));
  EXPECT_THROW(tuning_cases(*setup_, guard(cut), cut, {.direct = &backbone}, 1), data::LeakError);
}

TEST_F(InstructionCases, RankingsTakeDirectAndSequentialRecommendationInTurns) {
  make({"instructions.ranking_per_user=9", "instructions.injection_rate=0"});
  const auto cut = fold();
  std::vector<float> knowing(testing::kItems, 0.0F);
  knowing[6] = knowing[7] = 1;
  const GivenRecommender direct = by_number(cut.before);
  const GivenRecommender sequential(knowing, {{1, 0}, {1, 0.1F}}, cut.before);
  // Only the candidates of the sequential one hold held-back items: 6 and 7 of user 0, 7 of user 1.
  const TuningCases alone = tuning_cases(*setup_, guard(cut), cut, {.sequential = &sequential}, 1);
  EXPECT_EQ(alone.ranking.size(), 3U);
  const TuningCases both = tuning_cases(*setup_, guard(cut), cut, {.direct = &direct, .sequential = &sequential}, 1);
  EXPECT_EQ(both.ranking.size(), 2U) << "user 0's second ranking and user 1's first";
  EXPECT_EQ(both.without_positive, 1);
  for (const auto& question : both.ranking) EXPECT_THAT(question.ranked, Contains(7));
}

TEST_F(InstructionCases, NeedABackbone) {
  make();
  const auto cut = fold();
  EXPECT_THROW(tuning_cases(*setup_, guard(cut), cut, {}, 1), UsageError);
}

}  // namespace
}  // namespace llama4rec::pipeline
