#include "aggregation/grid.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "aggregation/fusion.h"
#include "config/configuration.h"

namespace llama4rec::aggregation {
namespace {

// A user in the tail (place 0), whom the language model serves better, and one in the head (place 1), whom the backbone does.
const LongTailScale kScale(std::array<std::int64_t, 2>{1, 7});
const std::vector<RankingCase> kCases{{{1, 0}, 1, 1}, {{1, 0}, 0, 7}};
const double kSecond = 1 / std::log2(3.0);

TEST(ChooseWeights, FindsTheCellsThatServeBothUsers) {
  const auto choice = choose_weights(kCases, kScale, {});
  ASSERT_EQ(choice.cells.size(), 25U);
  for (const auto& cell : choice.cells) {
    // The tail user has the weight a2, the head user max(a1, a2); at 0.5 the tie goes to the backbone.
    const double tail = cell.a2 < 0.5 ? 1 : kSecond;
    const double head = std::max(cell.a1, cell.a2) >= 0.5 ? 1 : kSecond;
    EXPECT_DOUBLE_EQ(cell.value, (tail + head) / 2) << cell.a1 << " " << cell.a2;
  }
  EXPECT_EQ(choice.cells[1].a1, 0.1);
  EXPECT_EQ(choice.cells[1].a2, 0.3);
  EXPECT_EQ(choice.metric, "N@5");
}

TEST(ChooseWeights, TakesTheEqualCellNearestToUniform) {
  // Value 1 with a1 of 0.5, 0.7, 0.9 and a2 of 0.1, 0.3.
  const auto choice = choose_weights(kCases, kScale, {});
  EXPECT_EQ(choice.best.a1, 0.5);
  EXPECT_EQ(choice.best.a2, 0.3);
  EXPECT_DOUBLE_EQ(choice.best.value, 1);
  EXPECT_FALSE(choice.best.constant());
  EXPECT_EQ(choice.weights(kScale).of(1), 0.3);
  EXPECT_EQ(choice.weights(kScale).of(7), 0.5);
}

TEST(ChooseWeights, BreaksWhatIsStillEqualByTheSmallerA2ThenA1) {
  // Nothing differs: all cells tie; 0.3 and 0.7 are equally far from uniform.
  const std::vector<RankingCase> same{{{0, 1}, 0, 1}};
  EXPECT_EQ(choose_weights(same, kScale, {.a1 = {0.7, 0.3}, .a2 = {0.7, 0.3}}).best.a2, 0.3);
  EXPECT_EQ(choose_weights(same, kScale, {.a1 = {0.7, 0.3}, .a2 = {0.7, 0.3}}).best.a1, 0.3);
  const auto choice = choose_weights(same, kScale, {});
  EXPECT_EQ(choice.best.a1, 0.5);
  EXPECT_EQ(choice.best.a2, 0.5);
  EXPECT_TRUE(choice.best.constant());
  EXPECT_EQ(choice.best_constant.weight, 0.5);
}

TEST(ChooseWeights, ReportsEveryConstantWeightAndUniform) {
  const auto choice = choose_weights(kCases, kScale, {});
  ASSERT_EQ(choice.constants.size(), 11U);
  EXPECT_EQ(choice.constants.front().weight, 0);
  EXPECT_EQ(choice.constants.back().weight, 1);
  for (const auto& cell : choice.constants) EXPECT_DOUBLE_EQ(cell.value, (1 + kSecond) / 2) << cell.weight;
  EXPECT_DOUBLE_EQ(choice.uniform, (1 + kSecond) / 2);

  // Three candidates, target 2, the language model's first: U(2) = -3a - (1 - a) against U(0) = -a - 2 (1 - a): ahead below 1/3.
  const std::vector<RankingCase> one{{{2, 0, 1}, 2, 1}};
  const auto other = choose_weights(one, kScale, {.metric = "MRR@10"});
  EXPECT_EQ(other.best_constant.weight, 0.3);
  EXPECT_DOUBLE_EQ(other.best_constant.value, 1);
  EXPECT_DOUBLE_EQ(other.constants[4].value, 0.5);  // U(1) = -2a - 3 (1 - a) = -2.6, U(2) = -1.8, U(0) = -1.6
  EXPECT_DOUBLE_EQ(other.constants[10].value, 1.0 / 3);
}

TEST(ChooseWeights, AllCellsWithA2NotBelowA1EqualTheConstantWeightA2) {
  const auto choice = choose_weights(kCases, kScale, {.metric = "H@3"});
  int constant = 0;
  for (const auto& cell : choice.cells) {
    if (!cell.constant()) continue;
    ++constant;
    EXPECT_DOUBLE_EQ(cell.value, choice.constants[static_cast<std::size_t>(std::lround(10 * cell.a2))].value);
  }
  EXPECT_EQ(constant, 15);
}

TEST(ChooseWeights, CountsTargetsThatAreNotAmongTheCandidatesAsMisses) {
  auto cases = kCases;
  cases.push_back({{0, 1, 2}, -1, 3});
  cases.push_back({{}, -1, 3});
  EXPECT_DOUBLE_EQ(choose_weights(cases, kScale, {}).best.value, 0.5);
}

TEST(ChooseWeights, CutsTheMetricOff) {
  // Both models put the target at position 4 of 5.
  const std::vector<RankingCase> cases{{{0, 1, 2, 3, 4}, 3, 1}};
  EXPECT_EQ(choose_weights(cases, kScale, {.metric = "H@3"}).best.value, 0);
  EXPECT_EQ(choose_weights(cases, kScale, {.metric = "H@5"}).best.value, 1);
  EXPECT_DOUBLE_EQ(choose_weights(cases, kScale, {.metric = "N@5"}).best.value, 1 / std::log2(5.0));
  EXPECT_DOUBLE_EQ(choose_weights(cases, kScale, {.metric = "MRR@10"}).best.value, 0.25);
}

TEST(ChooseWeights, WorksWithoutCasesAndRefusesUnusableOptions) {
  EXPECT_EQ(choose_weights({}, kScale, {}).best.value, 0);
  EXPECT_EQ(choose_weights({}, kScale, {}).best.a1, 0.5);
  EXPECT_THROW(choose_weights(kCases, kScale, {.a1 = {}}), UsageError);
  EXPECT_THROW(choose_weights(kCases, kScale, {.a2 = {}}), UsageError);
  for (const std::string name : {"N", "N@", "@5", "N@0", "N@x", "RMSE@5", "N@5 "}) {
    EXPECT_THROW(choose_weights(kCases, kScale, {.metric = name}), UsageError) << name;
  }
}

TEST(ChooseRatingWeights, TakeTheLowestError) {
  // The tail user's errors are 2 a2, the head user's 2 (1 - max(a1, a2)).
  const std::vector<RatingCase> cases{{5, 3, 3, 1}, {4, 2, 4, 7}};
  const auto choice = choose_rating_weights(cases, kScale, {});
  EXPECT_EQ(choice.metric, "RMSE");
  EXPECT_EQ(choice.best.a1, 0.9);
  EXPECT_EQ(choice.best.a2, 0.1);
  EXPECT_NEAR(choice.best.value, 0.2, 1e-12);
  EXPECT_EQ(choice.best_constant.weight, 0.5);
  EXPECT_NEAR(choice.best_constant.value, 1, 1e-12);
  EXPECT_NEAR(choice.uniform, 1, 1e-12);
  EXPECT_NEAR(choice.constants[10].value, std::sqrt(2.0), 1e-12);
}

TEST(ChooseRatingWeights, RefuseValuesThatAreNoNumbers) {
  EXPECT_THROW(choose_rating_weights(std::vector<RatingCase>{{std::nan(""), 3, 3, 1}}, kScale, {}), InternalError);
}

TEST(AggregationOptions, AreThePapersGridByDefaultAndConfigurable) {
  auto table = std::make_shared<config::OptionTable>();
  table->add<AggregationOptions>();
  config::Configuration configuration(table);
  EXPECT_THAT(configuration.read<AggregationOptions>().a1, testing::ElementsAre(0.1, 0.3, 0.5, 0.7, 0.9));
  EXPECT_EQ(configuration.read<AggregationOptions>().a2, configuration.read<AggregationOptions>().a1);
  configuration.set("aggregation.a2_choices=0,1");
  configuration.set("aggregation.metric=H@3");
  EXPECT_THAT(configuration.read<AggregationOptions>().a2, testing::ElementsAre(0, 1));
  EXPECT_EQ(configuration.read<AggregationOptions>().metric, "H@3");
  EXPECT_THROW(configuration.set("aggregation.a1_choices=1.5"), UsageError);
  EXPECT_THROW(configuration.set("aggregation.metric=RMSE"), UsageError);
}

}  // namespace
}  // namespace llama4rec::aggregation
