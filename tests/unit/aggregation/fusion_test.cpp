#include "aggregation/fusion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::aggregation {
namespace {

using ::testing::ElementsAre;

using Order = std::vector<std::int64_t>;

TEST(FusePositions, GivesTheHandWorkedOrder) {
  // The language model's positions of candidates 0..3 are 2, 4, 1, 3.
  const Order order{2, 0, 3, 1};
  // 0.5: -1.5, -3.0, -2.0, -3.5
  EXPECT_THAT(fuse_positions(order, 0.5), ElementsAre(0, 2, 1, 3));
  // 0.3: -(0.3 + 1.4), -(0.6 + 2.8), -(0.9 + 0.7), -(1.2 + 2.1) = -1.7, -3.4, -1.6, -3.3
  EXPECT_THAT(fuse_positions(order, 0.3), ElementsAre(2, 0, 3, 1));
  // 0.4: -1.6, -3.2, -1.8, -3.4
  EXPECT_THAT(fuse_positions(order, 0.4), ElementsAre(0, 2, 1, 3));
}

TEST(FusePositions, WithReciprocalUtilitiesTheFirstPlacesMatterMost) {
  // The language model's positions of candidates 0..3 are 4, 1, 2, 3.
  const Order order{1, 2, 3, 0};
  // 0.5: (1 + 1/4) / 2, (1/2 + 1) / 2, (1/3 + 1/2) / 2, (1/4 + 1/3) / 2 = .625, .75, .417, .292
  EXPECT_THAT(fuse_positions(order, 0.5, Utility::kReciprocal), ElementsAre(1, 0, 2, 3));
  EXPECT_THAT(fuse_positions(order, 0.5), ElementsAre(1, 0, 2, 3));
  // 0.6: .7, .7, .4, .283: a tie, which the backbone decides; by positions -2.2, -1.6, -2.6, -3.6.
  EXPECT_THAT(fuse_positions(order, 0.6, Utility::kReciprocal), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(fuse_positions(order, 0.6), ElementsAre(1, 0, 2, 3));
  EXPECT_EQ(fused_position(order, 0.6, 1, Utility::kReciprocal), 1U);
  EXPECT_EQ(fuse_positions(order, 0, Utility::kReciprocal), order);
}

TEST(FusePositions, TakesTheLanguageModelAtItsProbabilities) {
  // Positions -1, -2, -3: mean -2, variance 2/3. Log-probabilities -1, -1, -4: mean -2, variance 2; scaled by sqrt(1/3) = .577: -1.423, -1.423, -3.155.
  const Order order{1, 0, 2};
  const std::vector<double> log_probabilities{-1, -1, -4};
  const CandidateViews view(order, log_probabilities);
  // 0.5: -1.211, -1.711, -3.077: equally probable ones are left to the backbone, where their places would have made a tie.
  EXPECT_THAT(fuse_positions(view, 0.5, Utility::kProbability), ElementsAre(0, 1, 2));
  EXPECT_EQ(fused_position(view, 0, 1, Utility::kProbability), 1U) << "a tie, which the backbone decides";
  // A language model that is nearly sure outweighs two places of the backbone at 0.4: the last candidate has
  // -0.1 of -0.1, -9, -9, -9 -> scaled to -0.56, the others -3.15 each of -1..-4.
  const Order sure_order{3, 0, 1, 2};
  const std::vector<double> sure{-9, -9, -9, -0.1};
  EXPECT_THAT(fuse_positions({sure_order, sure}, 0.4, Utility::kProbability), ElementsAre(3, 0, 1, 2));
  EXPECT_THAT(fuse_positions({sure_order, sure}, 0.5, Utility::kProbability), ElementsAre(0, 3, 1, 2));
  // Only differences count, on any scale.
  const std::vector<double> moved{-90, -90, -90, -1};
  EXPECT_EQ(fuse_positions({sure_order, moved}, 0.45, Utility::kProbability),
            fuse_positions({sure_order, sure}, 0.45, Utility::kProbability));
}

TEST(FusePositions, TakesBothModelsAtTheirScores) {
  // The backbone is sure of its first candidate and hardly tells the others apart: scores 9, 1, 1, 1 have mean 3 and variance 12, so
  // with the variance 5/4 of -1..-4 and their mean -2.5: -0.564, -3.145, -3.145, -3.145.
  const Order order{1, 2, 3, 0};
  const std::vector<double> sure_backbone{9, 1, 1, 1};
  // The language model's -1, -2, -3, -4 by its order: candidates 1, 2, 3, 0; already of that mean and variance.
  const std::vector<double> even{-4, -1, -2, -3};
  // 0.5: -2.282, -2.073, -2.573, -3.073.
  EXPECT_THAT(fuse_positions({order, even, sure_backbone}, 0.5, Utility::kScore), ElementsAre(1, 0, 2, 3));
  // 0.6: -1.938, -2.287, -2.687, -3.087: the backbone's first one wins, as it does not by places (-2.2, -1.6, -2.6, -3.6).
  EXPECT_THAT(fuse_positions({order, even, sure_backbone}, 0.6, Utility::kScore), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(fuse_positions({order, even, sure_backbone}, 0.6, Utility::kProbability), ElementsAre(1, 0, 2, 3));
  EXPECT_EQ(fused_position({order, even, sure_backbone}, 0.6, 1, Utility::kScore), 1U);
  // Only differences count; scores that tell nothing are places.
  const std::vector<double> moved{-10, -90, -90, -90};
  EXPECT_EQ(fuse_positions({order, even, moved}, 0.55, Utility::kScore),
            fuse_positions({order, even, sure_backbone}, 0.55, Utility::kScore));
  for (const auto& nothing : {std::vector<double>{}, std::vector<double>{2, 2, 2, 2}}) {
    EXPECT_EQ(fuse_positions({order, even, nothing}, 0.6, Utility::kScore),
              fuse_positions({order, even}, 0.6, Utility::kProbability));
  }
}

TEST(FusePositions, WithoutProbabilitiesTakesPositions) {
  const Order order{2, 0, 3, 1};
  const std::vector<double> equal{-1, -1, -1, -1};
  const std::vector<double> broken{-1, -INFINITY, -2, -3};
  const std::vector<double> none;
  for (const auto* it : {&equal, &broken, &none}) {
    EXPECT_EQ(fuse_positions({order, *it}, 0.3, Utility::kProbability), fuse_positions(order, 0.3));
  }
}

TEST(FusePositions, FollowsOneModelAloneAtTheEnds) {
  const Order order{3, 1, 4, 0, 2};
  EXPECT_EQ(fuse_positions(order, 0), order);
  EXPECT_THAT(fuse_positions(order, 1), ElementsAre(0, 1, 2, 3, 4));
}

TEST(FusePositions, LetsTheBackboneDecideTiesWhateverTheRounding) {
  EXPECT_THAT(fuse_positions(Order{1, 0}, 0.5), ElementsAre(0, 1));
  EXPECT_THAT(fuse_positions(Order{2, 1, 0}, 0.5), ElementsAre(0, 1, 2));
  // 0.7 * 1 + 0.3 * 8 = 0.7 * 4 + 0.3 * 1 = 3.1: candidates 0 and 3 tie, though not in binary arithmetic.
  const auto fused = fuse_positions(Order{3, 1, 2, 4, 5, 6, 7, 0, 8, 9}, 0.7);
  EXPECT_LT(std::find(fused.begin(), fused.end(), 0), std::find(fused.begin(), fused.end(), 3));
  // 0.3 * 1 + 0.7 * 4 = 0.3 * 8 + 0.7 * 1 = 3.1: candidates 0 and 7.
  const auto other = fuse_positions(Order{7, 1, 2, 0, 3, 4, 5, 6, 8, 9}, 0.3);
  EXPECT_LT(std::find(other.begin(), other.end(), 0), std::find(other.begin(), other.end(), 7));
}

TEST(FusePositions, ReversedOrdersUnderUniformWeightKeepTheBackbonesOrder) {
  Order order(10);
  std::iota(order.rbegin(), order.rend(), 0);
  Order backbone(10);
  std::iota(backbone.begin(), backbone.end(), 0);
  EXPECT_EQ(fuse_positions(order, 0.5), backbone);
}

TEST(FusePositions, KeepsEveryCandidateOnceAndAgreesWithFusedPosition) {
  RandomStream random(2, "fusion_test");
  for (int round = 0; round < 300; ++round) {
    Order order(1 + random.below(12));
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(std::span(order));
    const double weight = round % 2 == 0 ? random.uniform() : static_cast<double>(random.below(11)) / 10;
    const auto fused = fuse_positions(order, weight);
    ASSERT_EQ(fused.size(), order.size());
    for (std::size_t place = 0; place < fused.size(); ++place) {
      ASSERT_EQ(fused_position(order, weight, fused[place]), place);
    }
  }
}

TEST(FusePositions, RefusesWhatIsNoPermutationAndWeightsOutsideZeroToOne) {
  EXPECT_THROW(fuse_positions(Order{0, 0}, 0.5), InternalError);
  EXPECT_THROW(fuse_positions(Order{0, 2}, 0.5), InternalError);
  EXPECT_THROW(fuse_positions(Order{-1, 0}, 0.5), InternalError);
  EXPECT_THROW(fuse_positions(Order{0, 1}, 1.01), InternalError);
  EXPECT_THROW(fuse_positions(Order{0, 1}, std::nan("")), InternalError);
  EXPECT_THROW(fused_position(Order{0, 1}, 0.5, 2), InternalError);
  EXPECT_TRUE(fuse_positions(Order{}, 0.5).empty());
}

TEST(FuseRatings, WeighsTheTwoPredictions) {
  EXPECT_DOUBLE_EQ(fuse_ratings(4, 2, 0.25), 2.5);
  EXPECT_DOUBLE_EQ(fuse_ratings(4, 2, 1), 4);
  EXPECT_DOUBLE_EQ(fuse_ratings(4, 2, 0), 2);
}

TEST(OrderByRatings, IsDescendingAndLeavesTiesToTheBackbone) {
  EXPECT_THAT(order_by_ratings(std::array{3.5, 4.0, 3.5, 5.0, 4.0}), ElementsAre(3, 1, 4, 0, 2));
  EXPECT_THROW(order_by_ratings(std::array{3.5, std::nan("")}), InternalError);
  EXPECT_THROW(order_by_ratings(std::array{std::numeric_limits<double>::infinity()}), InternalError);
  EXPECT_TRUE(order_by_ratings({}).empty());
}

}  // namespace
}  // namespace llama4rec::aggregation
