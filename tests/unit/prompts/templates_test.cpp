#include "prompts/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

class TemplatesTest : public ::testing::Test {
 protected:
  Dataset dataset_ = llama4rec::testing::tiny_dataset({}, 6);
  ItemTexts texts_{dataset_};
  Templates compact_{texts_, "compact"};
  Templates verbose_{texts_, "verbose"};
};

TEST_F(TemplatesTest, ACompactRankingEndsWithTheHistorySoThatTheAnswerContinuesIt) {
  EXPECT_EQ(compact_.ranking({.history = {0, 1}, .candidates = {3, 2}}).joined(),
            "rank: Title 3; Title 2; liked: Title 0; Title 1; ");
}

TEST_F(TemplatesTest, AnAugmentedRankingAlsoCarriesSimilarUserAndHint) {
  EXPECT_EQ(
      compact_.ranking({.history = {0}, .candidates = {3, 2}, .similar_history = {4, 5}, .hint = {2, 3}}).joined(),
      "similar: Title 4; Title 5; hint: Title 2; Title 3; rank: Title 3; Title 2; liked: Title 0; ");
}

TEST_F(TemplatesTest, TitlesAndSeparatorsAreSegmentsOfTheirOwn) {
  EXPECT_THAT(compact_.ranking({.history = {0, 1}}).segments,
              ::testing::ElementsAre("liked: ", "Title 0", "; ", "Title 1", "; "));
}

TEST_F(TemplatesTest, ARatingPromptEndsWithTheTargetSoThatTargetsShareThePrefix) {
  const RatingQuestion question{.history = {{0, 4}, {1, 5}}, .target = 2};
  EXPECT_EQ(compact_.rating(question).joined(), "ratings: Title 0: 4; Title 1: 5; Title 2: ");
  RatingQuestion hinted = question;
  hinted.predicted_rating = 3.24;
  EXPECT_EQ(compact_.rating(hinted).joined(), "ratings: Title 0: 4; Title 1: 5; predicted 3.2; target: Title 2: ");
}

TEST_F(TemplatesTest, TheVerboseStyleNamesTaskHistoryCandidatesAndHint) {
  const std::string prompt =
      verbose_.ranking({.history = {0}, .candidates = {1, 2}, .similar_history = {3}, .hint = {2, 1}}).joined();
  EXPECT_THAT(prompt, ::testing::HasSubstr("Rank the candidate movies"));
  EXPECT_THAT(prompt, ::testing::HasSubstr("The user liked: Title 0; "));
  EXPECT_THAT(prompt, ::testing::HasSubstr("Candidate movies: Title 1; Title 2; "));
  EXPECT_THAT(prompt, ::testing::HasSubstr("recommender system ranks them: Title 2; Title 1; "));
  EXPECT_THAT(prompt, ::testing::EndsWith("Answer: "));
}

TEST_F(TemplatesTest, TheGrammarOfARankingIsAPermutationOfItsCandidates) {
  const AnswerGrammar grammar = compact_.ranking_grammar({4, 2});
  EXPECT_EQ(grammar.kind, AnswerKind::kPermutation);
  EXPECT_THAT(grammar.options, ::testing::ElementsAre("Title 4", "Title 2"));
  EXPECT_EQ(grammar.separator, "; ");
  EXPECT_THAT(compact_.rating_grammar().options, ::testing::ElementsAre("1", "2", "3", "4", "5"));
}

}  // namespace
}  // namespace llama4rec::prompts
