#include "aggregation/long_tail.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::aggregation {
namespace {

TEST(LongTailCoefficient, IsTheLogarithmOfOneMoreThanTheInteractions) {
  EXPECT_EQ(long_tail_coefficient(0), 0);
  EXPECT_NEAR(long_tail_coefficient(1), 0.693147180559945, 1e-14);
  EXPECT_NEAR(long_tail_coefficient(19), 2.995732273553991, 1e-14);
  EXPECT_THROW(long_tail_coefficient(-1), InternalError);
}

TEST(AdaptiveWeight, ScalesA1ByThePlaceInTheRangeAndIsCutAtA2) {
  // N = 1, 3, 7: coefficients ln 2, 2 ln 2, 3 ln 2: places 0, 1/2, 1.
  const LongTailScale scale(std::array<std::int64_t, 3>{7, 1, 3});
  EXPECT_NEAR(scale.minimum(), std::log(2.0), 1e-14);
  EXPECT_NEAR(scale.maximum(), std::log(8.0), 1e-14);
  EXPECT_NEAR(scale.weight(1, 0.7, 0.1), 0.1, 1e-14);
  EXPECT_NEAR(scale.weight(3, 0.7, 0.1), 0.35, 1e-14);
  EXPECT_NEAR(scale.weight(7, 0.7, 0.1), 0.7, 1e-14);
  EXPECT_NEAR(scale.weight(3, 0.7, 0.5), 0.5, 1e-14);
  EXPECT_NEAR(scale.weight(7, 0.3, 0.5), 0.5, 1e-14);
}

TEST(AdaptiveWeight, TakesThePlaceAsOneWhereAllUsersAreAlike) {
  const LongTailScale scale(std::array<std::int64_t, 2>{5, 5});
  EXPECT_EQ(scale.weight(5, 0.7, 0.1), 0.7);
  EXPECT_EQ(scale.weight(5, 0.1, 0.7), 0.7);
  EXPECT_EQ(LongTailScale({}).weight(3, 0.7, 0.1), 0.7);
}

TEST(AdaptiveWeight, HoldsUsersOutsideTheTrainingRangeInside) {
  const LongTailScale scale(std::array<std::int64_t, 2>{3, 7});
  EXPECT_EQ(scale.weight(0, 0.9, 0.2), 0.2);
  EXPECT_EQ(scale.weight(100000, 0.9, 0.2), 0.9);
}

TEST(AdaptiveWeight, LeavesUsersWithoutInteractionsOutOfTheRange) {
  EXPECT_NEAR(LongTailScale(std::array<std::int64_t, 3>{0, 3, 7}).minimum(), std::log(4.0), 1e-14);
  EXPECT_THROW(LongTailScale(std::array<std::int64_t, 1>{-2}), InternalError);
}

TEST(AdaptiveWeight, StaysBetweenA2AndTheLargerOfBothAndNeverFallsWithMoreInteractions) {
  RandomStream random(11, "adaptive_weight");
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> counts(1 + random.below(50));
    for (auto& count : counts) count = static_cast<std::int64_t>(random.below(1000));
    const AdaptiveWeights weights(LongTailScale(counts), random.uniform(), random.uniform());
    double previous = 0;
    for (std::int64_t n = 0; n < 1200; n += 7) {
      const double weight = weights.of(n);
      ASSERT_GE(weight, weights.a2());
      ASSERT_LE(weight, std::max(weights.a1(), weights.a2()));
      ASSERT_GE(weight, previous);
      previous = weight;
    }
  }
}

TEST(AdaptiveWeight, RefusesCellsOutsideZeroToOne) {
  const LongTailScale scale(std::array<std::int64_t, 1>{1});
  EXPECT_THROW(AdaptiveWeights(scale, 1.1, 0.5), InternalError);
  EXPECT_THROW(AdaptiveWeights(scale, 0.5, std::nan("")), InternalError);
}

}  // namespace
}  // namespace llama4rec::aggregation
