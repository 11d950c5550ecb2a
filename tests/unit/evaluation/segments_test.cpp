#include "evaluation/segments.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {
namespace {

TEST(Segments, AverageTheMembersOfEachQuintileTailFirst) {
  const std::array<std::int64_t, 10> counts{100, 1, 90, 2, 80, 3, 70, 4, 60, 5};
  const PerUser values{{"H@3", {1, 0, 1, 1, 0, 0, 1, 1, 1, 1}}};
  const auto segments = by_segment("users", counts, values, means);
  ASSERT_EQ(segments.size(), 5U);
  const std::array<double, 5> expected{0.5, 0.5, 1, 0.5, 1};  // {1,2} {3,4} {5,60} {70,80} {90,100}
  const std::array<std::int64_t, 5> smallest{1, 3, 5, 70, 90};
  const std::array<std::int64_t, 5> largest{2, 4, 60, 80, 100};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(segments[i].grouping, "users");
    EXPECT_EQ(segments[i].quintile, static_cast<int>(i));
    EXPECT_EQ(segments[i].size, 2);
    EXPECT_EQ(segments[i].minimum_count, smallest[i]);
    EXPECT_EQ(segments[i].maximum_count, largest[i]);
    EXPECT_DOUBLE_EQ(segments[i].metrics.at("H@3"), expected[i]);
  }
}

TEST(Segments, LeaveOutQuintilesThatTiesEmpty) {
  const std::array<std::int64_t, 4> counts{7, 7, 7, 9};
  const auto segments = by_segment("items", counts, {{"MRR@5", {0, 0.5, 1, 0.25}}}, means);
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].quintile, 1);
  EXPECT_EQ(segments[0].size, 3);
  EXPECT_DOUBLE_EQ(segments[0].metrics.at("MRR@5"), 0.5);
  EXPECT_EQ(segments[1].quintile, 4);
}

TEST(Segments, SummariseRatingErrorsAsRootMeanSquare) {
  const std::array<std::int64_t, 2> counts{1, 9};
  const std::array<float, 2> predictions{1, 5};
  const std::array<float, 2> ratings{3, 4};
  const auto segments = by_segment("users", counts, rating_errors(predictions, ratings), rating_metrics);
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_DOUBLE_EQ(segments[0].metrics.at("RMSE"), 2);
  EXPECT_DOUBLE_EQ(segments[1].metrics.at("MAE"), 1);
}

TEST(Segments, TogetherHoldEveryUserOnce) {
  std::vector<std::int64_t> counts;
  std::vector<double> ones;
  for (std::int64_t i = 0; i < 997; ++i) {
    counts.push_back(i * i % 61);
    ones.push_back(1);
  }
  std::int64_t total = 0;
  std::int64_t previous = -1;
  for (const auto& segment : by_segment("users", counts, {{"one", ones}}, means)) {
    total += segment.size;
    EXPECT_GT(segment.minimum_count, previous);  // ranges of counts do not overlap
    previous = segment.maximum_count;
    EXPECT_DOUBLE_EQ(segment.metrics.at("one"), 1);
  }
  EXPECT_EQ(total, 997);
}

TEST(Segments, RefuseValuesOfOtherUsers) {
  EXPECT_THROW(by_segment("users", std::array<std::int64_t, 1>{1}, {{"H@3", {1, 0}}}, means), InternalError);
}

}  // namespace
}  // namespace llama4rec::evaluation
