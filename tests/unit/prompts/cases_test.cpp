#include "prompts/cases.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

/// Counts a token per byte.
std::int64_t bytes(const std::string& text) { return static_cast<std::int64_t>(text.size()); }

class CaseWriterTest : public ::testing::Test {
 protected:
  CaseWriter writer(std::int64_t budget, PromptOptions options = {}, std::uint64_t seed = 1) {
    return {texts_, templates_, options, seed, bytes, budget};
  }
  RankingCase question() const {
    return {.user = 3, .history = {0, 1, 2, 3, 4, 5}, .ranked = {6, 7, 8, 9}, .similar_history = {1, 2, 3}};
  }

  Dataset dataset_ = llama4rec::testing::tiny_dataset({}, 10);
  ItemTexts texts_{dataset_};
  Templates templates_{texts_, "compact"};
};

TEST_F(CaseWriterTest, PlainPromptsCarryNeitherSimilarUserNorHint) {
  const RankingQuestion plain = writer(1000).ranking(question(), false);
  EXPECT_TRUE(plain.similar_history.empty());
  EXPECT_TRUE(plain.hint.empty());
  const RankingQuestion augmented = writer(1000).ranking(question(), true);
  EXPECT_THAT(augmented.similar_history, ::testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(augmented.hint, ::testing::ElementsAre(6, 7, 8, 9));
}

TEST_F(CaseWriterTest, CandidatesAreShownInAShuffledOrderThatTheSeedDecides) {
  const auto shown = writer(1000).ranking(question(), false).candidates;
  EXPECT_THAT(shown, ::testing::UnorderedElementsAre(6, 7, 8, 9));
  EXPECT_EQ(shown, writer(1000).ranking(question(), false).candidates);
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 6; ++seed)
    differs |= writer(1000, {}, seed).ranking(question(), false).candidates != shown;
  EXPECT_TRUE(differs);
}

TEST_F(CaseWriterTest, TheLatestItemsOfAHistoryStay) {
  PromptOptions options;
  options.history_length = 2;
  EXPECT_THAT(writer(1000, options).ranking(question(), false).history, ::testing::ElementsAre(4, 5));
}

TEST_F(CaseWriterTest, ThePromptAndItsAnswerFitTheBudgetAndCandidatesAreNeverCut) {
  CaseWriter cut = writer(135);
  const RankingQuestion result = cut.ranking(question(), true);
  EXPECT_EQ(result.candidates.size(), 4U);
  EXPECT_EQ(result.hint.size(), 4U);
  EXPECT_TRUE(result.similar_history.empty()) << "the similar user's items go first";
  EXPECT_LE(bytes(templates_.ranking(result).joined()) + 2 + 4 * 9, 135);
  EXPECT_EQ(cut.trimming().trimmed_prompts, 1);
  EXPECT_GT(cut.trimming().trimmed_items, 3);
  if (!result.history.empty()) {
    EXPECT_EQ(result.history.back(), 5) << "the oldest items go first";
  }
}

TEST_F(CaseWriterTest, APromptThatCannotFitIsAUsageError) {
  EXPECT_THROW((void)writer(40).ranking(question(), false), UsageError);
}

TEST_F(CaseWriterTest, RatingPromptsCarryThePredictedRatingOnlyWhenAugmented) {
  const RatingCase source{
      .user = 1, .history = {{0, 4}}, .item = 2, .similar_history = {{1, 3}}, .predicted_rating = 3.5};
  EXPECT_FALSE(writer(1000).rating(source, false).predicted_rating.has_value());
  EXPECT_DOUBLE_EQ(writer(1000).rating(source, true).predicted_rating.value(), 3.5);
  EXPECT_EQ(writer(1000).rating(source, true).similar_history.size(), 1U);
}

}  // namespace
}  // namespace llama4rec::prompts
