#include "evaluation/metrics.h"

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {
namespace {

using ::testing::ElementsAre;

TEST(TopKMetrics, FollowTheTargetsPosition) {
  // Targets at positions 1, 4, absent, and unknown to training.
  const std::vector<std::vector<ItemIndex>> lists{{7, 1, 2, 3}, {1, 2, 3, 9}, {1, 2, 3, 4}, {1, 2, 3, 4}};
  const std::vector<ItemIndex> targets{7, 9, 50, -1};
  const auto metrics = top_k_metrics(lists, targets, {3, 5});
  EXPECT_EQ(metrics.size(), 8U);
  EXPECT_THAT(metrics.at("H@3"), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(metrics.at("H@5"), ElementsAre(1, 1, 0, 0));
  EXPECT_EQ(metrics.at("Recall@5"), metrics.at("H@5"));
  EXPECT_THAT(metrics.at("MRR@3"), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(metrics.at("MRR@5"), ElementsAre(1, 0.25, 0, 0));
  EXPECT_THAT(metrics.at("N@3"), ElementsAre(1, 0, 0, 0));
  // 1 / log2(5) = ln 2 / ln 5 = 0.6931472 / 1.6094379
  EXPECT_DOUBLE_EQ(metrics.at("N@5")[0], 1.0);
  EXPECT_NEAR(metrics.at("N@5")[1], 0.4306766, 1e-7);

  const auto mean = means(metrics);
  EXPECT_DOUBLE_EQ(mean.at("H@3"), 0.25);
  EXPECT_DOUBLE_EQ(mean.at("H@5"), 0.5);
  EXPECT_DOUBLE_EQ(mean.at("MRR@5"), 0.3125);
}

TEST(TopKMetrics, DiscountPositionsTwoAndThreeAsDefined) {
  const std::vector<std::vector<ItemIndex>> lists{{5, 6, 7}, {5, 6, 7}};
  const std::vector<ItemIndex> targets{6, 7};
  const auto metrics = top_k_metrics(lists, targets, {3});
  EXPECT_NEAR(metrics.at("N@3")[0], 0.6309298, 1e-7);  // 1 / log2(3)
  EXPECT_DOUBLE_EQ(metrics.at("N@3")[1], 0.5);         // 1 / log2(4)
}

TEST(TopKMetrics, RefuseWhatDoesNotFit) {
  const std::vector<std::vector<ItemIndex>> lists{{1}};
  EXPECT_THROW(top_k_metrics(lists, std::vector<ItemIndex>{1, 2}, {3}), InternalError);
  EXPECT_THROW(top_k_metrics(lists, std::vector<ItemIndex>{1}, {0}), InternalError);
}

TEST(Means, OfNobodyAreNotANumber) { EXPECT_TRUE(std::isnan(means(top_k_metrics({}, {}, {3})).at("H@3"))); }

TEST(RatingMetrics, AreRootMeanSquaredAndMeanAbsoluteError) {
  const std::array<float, 4> predictions{3.5F, 2, 5, 1};
  const std::array<float, 4> ratings{4, 4, 5, 2};
  const auto errors = rating_errors(predictions, ratings);
  EXPECT_THAT(errors.at("squared_error"), ElementsAre(0.25, 4, 0, 1));
  EXPECT_THAT(errors.at("absolute_error"), ElementsAre(0.5, 2, 0, 1));
  const auto metrics = rating_metrics(errors);
  EXPECT_DOUBLE_EQ(metrics.at("RMSE"), std::sqrt(5.25 / 4));
  EXPECT_DOUBLE_EQ(metrics.at("MAE"), 0.875);
  EXPECT_THROW(rating_metrics({}), InternalError);
}

TEST(RatingMetrics, RefusePredictionsThatAreNoNumbers) {
  EXPECT_THROW(rating_errors(std::array<float, 1>{NAN}, std::array<float, 1>{3}), InternalError);
  EXPECT_THROW(rating_errors(std::array<float, 1>{1}, std::array<float, 2>{3, 4}), InternalError);
}

TEST(Quintiles, AreEqualInSizeWhereAllCountsDiffer) {
  const std::array<std::int64_t, 10> counts{90, 10, 80, 20, 70, 30, 60, 40, 50, 100};
  EXPECT_THAT(quintiles(counts), ElementsAre(4, 0, 3, 0, 3, 1, 2, 1, 2, 4));
}

TEST(Quintiles, NeverSplitEqualCounts) {
  // Sorted: six 1s (middle 3 of 10 -> 1), then 2, 3, 4, 5 (middles 6.5, 7.5, 8.5, 9.5 -> 3, 3, 4, 4).
  const std::array<std::int64_t, 10> counts{1, 1, 5, 1, 4, 1, 3, 1, 2, 1};
  EXPECT_THAT(quintiles(counts), ElementsAre(1, 1, 4, 1, 4, 1, 3, 1, 3, 1));
}

TEST(Quintiles, PutUsersThatAreAllAlikeIntoTheMiddle) {
  EXPECT_THAT(quintiles(std::array<std::int64_t, 3>{8, 8, 8}), ElementsAre(2, 2, 2));
  EXPECT_TRUE(quintiles({}).empty());
}

}  // namespace
}  // namespace llama4rec::evaluation
