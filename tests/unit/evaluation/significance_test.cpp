// References: R's documented outputs where named; else computed by a separate Python program from the definitions alone (Student's
// and the noncentral t distribution by Simpson integration of their densities, ranks by counting).
#include "evaluation/significance.h"

#include <array>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::evaluation {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

// R's data set `sleep` (Student 1908): hours of sleep gained with two drugs.
constexpr std::array kSleepFirst{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
constexpr std::array kSleepSecond{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

// R's example of ?wilcox.test (Hollander and Wolfe 1973, p. 29): Hamilton depression scores.
constexpr std::array kDepressionFirst{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
constexpr std::array kDepressionSecond{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};

TEST(PairedTTest, GivesStudentsSleepResult) {
  // R: t.test(extra ~ group, data = sleep, paired = TRUE): t = -4.0621, df = 9, p-value = 0.002833
  EXPECT_NEAR(paired_t_test(kSleepFirst, kSleepSecond), 0.00283289019738997, 1e-12);
  EXPECT_DOUBLE_EQ(paired_t_test(kSleepFirst, kSleepSecond), paired_t_test(kSleepSecond, kSleepFirst));
}

TEST(PairedTTest, IsOneWithoutEvidenceAndZeroWithoutVariation) {
  EXPECT_EQ(paired_t_test({}, {}), 1);
  EXPECT_EQ(paired_t_test(std::array{1.0}, std::array{2.0}), 1);
  EXPECT_EQ(paired_t_test(std::array{1.0, 2.0}, std::array{1.0, 2.0}), 1);
  EXPECT_EQ(paired_t_test(std::array{1.0, 2.0}, std::array{2.0, 1.0}), 1);
  EXPECT_EQ(paired_t_test(std::array{1.0, 2.0}, std::array{2.0, 3.0}), 0);
}

TEST(SignedRankTest, DropsZerosAndSharesRanks) {
  // R: wilcox.test(extra ~ group, data = sleep, paired = TRUE): p-value = 0.009091 (one zero, one tie).
  EXPECT_NEAR(wilcoxon_signed_rank_test(kSleepFirst, kSleepSecond), 0.009090698015925061, 1e-12);
  EXPECT_NEAR(wilcoxon_signed_rank_test(kSleepSecond, kSleepFirst), 0.009090698015925061, 1e-12);
}

TEST(SignedRankTest, UsesTheContinuityCorrection) {
  // V = 40 as in R's example; there the exact two-sided p is 0.0391, the approximation's is
  EXPECT_NEAR(wilcoxon_signed_rank_test(kDepressionSecond, kDepressionFirst), 0.04401098401295146, 1e-12);
}

TEST(SignedRankTest, HandlesHitsThatAreNearlyAllTies) {
  // 62 users: 9 gain a hit, 3 lose one, 50 stay.
  std::vector<double> before(62, 0.0);
  std::vector<double> after(62, 0.0);
  for (std::size_t i = 0; i < 9; ++i) after[i] = 1;
  for (std::size_t i = 9; i < 12; ++i) before[i] = 1;
  EXPECT_NEAR(wilcoxon_signed_rank_test(before, after), 0.09148050024584312, 1e-12);
  EXPECT_NEAR(paired_t_test(before, after), 0.08322239218299676, 1e-9);
}

TEST(SignedRankTest, DoesNotRankRoundingErrors) {
  // (0.1 + 0.2) against 0.3, and differences of 0.2 that differ in the last bit.
  const std::array before{0.3, 0.3, 0.3, 0.0, 0.2, 0.7};
  const std::array after{0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2, 0.2, 0.4, 0.9};
  EXPECT_EQ(wilcoxon_signed_rank_test(std::span(before).first(3), std::span(after).first(3)), 1);
  EXPECT_EQ(paired_t_test(std::span(before).first(3), std::span(after).first(3)), 1);
  const std::array zeros{0.0, 0.0, 0.0};
  const std::array twos{0.2, 0.2, 0.2};
  EXPECT_DOUBLE_EQ(wilcoxon_signed_rank_test(before, after), wilcoxon_signed_rank_test(zeros, twos));
}

TEST(SignedRankTest, IsOneWhereNothingDiffersAndNeverAboveOne) {
  EXPECT_EQ(wilcoxon_signed_rank_test({}, {}), 1);
  EXPECT_EQ(wilcoxon_signed_rank_test(std::array{1.0, 2.0}, std::array{1.0, 2.0}), 1);
  EXPECT_EQ(wilcoxon_signed_rank_test(std::array{1.0, 2.0}, std::array{2.0, 1.0}), 1);
}

TEST(Bootstrap, CoversTheNormalIntervalOfALargeSample) {
  RandomStream random(3, "test");
  std::vector<double> before(2000, 0.0);
  std::vector<double> after(2000);
  double sum = 0;
  double squares = 0;
  for (double& value : after) {
    value = 0.3 + random.normal();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / 2000;
  const double error = std::sqrt((squares / 2000 - mean * mean) / 2000);
  const auto [low, high] = bootstrap_interval(before, after, 5, 4000);
  EXPECT_NEAR(low, mean - 1.96 * error, 0.1 * error);
  EXPECT_NEAR(high, mean + 1.96 * error, 0.1 * error);
}

TEST(Bootstrap, MatchesTheExactDistributionOfAnAllOrNothingSample) {
  // Eight pairs, half of them 1: the resampled sum is Binomial(8, 1/2); P(<= 0) = 0.4%, P(<= 1) = 3.5%: quantiles 1/8 and 7/8.
  const std::array<double, 8> before{};
  const std::array after{1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0};
  const auto [low, high] = bootstrap_interval(before, after, 1, 4000);
  EXPECT_DOUBLE_EQ(low, 0.125);
  EXPECT_DOUBLE_EQ(high, 0.875);
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const auto a = bootstrap_interval(kSleepFirst, kSleepSecond, 1, 500);
  const auto b = bootstrap_interval(kSleepFirst, kSleepSecond, 1, 500);
  const auto c = bootstrap_interval(kSleepFirst, kSleepSecond, 2, 500);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_TRUE(a.low != c.low || a.high != c.high);
  EXPECT_THROW(bootstrap_interval(kSleepFirst, kSleepSecond, 1, 0), InternalError);
}

TEST(Bootstrap, OfRootsTakesTheRootOfEachMean) {
  const std::vector<double> before{4, 4, 4};
  const std::vector<double> after{1, 1, 1};
  const Interval interval = bootstrap_root_interval(before, after, 1, 100);
  EXPECT_EQ(interval.low, -1);
  EXPECT_EQ(interval.high, -1);
  // Of two users each draw takes both of one, both of the other, or one of each: roots 0, 2 and the root of 2.
  const std::vector<double> none{0, 0};
  const std::vector<double> uneven{0, 4};
  const Interval wide = bootstrap_root_interval(none, uneven, 1, 2000);
  EXPECT_EQ(wide.low, 0);
  EXPECT_EQ(wide.high, 2);
}

TEST(MinimumDetectableDifference, SolvesThePowerOfTheNoncentralT) {
  EXPECT_NEAR(minimum_detectable_difference(kSleepFirst, kSleepSecond), 1.22507827413411, 1e-6);
  // Deviation 1 with three pairs.
  EXPECT_NEAR(minimum_detectable_difference(std::array{0.0, 0.0, 0.0}, std::array{-1.0, 0.0, 1.0}), 3.2640435498196565,
              1e-6);
}

TEST(MinimumDetectableDifference, ApproachesTheNormalRuleForManyUsers) {
  // 940 users, deviation 1: 0.0914712 (the normal rule (1.96 + 0.84) / sqrt(940) gives 0.0913776).
  std::vector<double> before(940, 0.0);
  std::vector<double> after(940);
  const double step = std::sqrt(939.0 / 940.0);
  for (std::size_t i = 0; i < after.size(); ++i) after[i] = i % 2 == 0 ? step : -step;
  EXPECT_NEAR(minimum_detectable_difference(before, after), 0.09147122308815299, 1e-7);
}

TEST(MinimumDetectableDifference, IsInfiniteForOnePairAndZeroWithoutVariation) {
  EXPECT_EQ(minimum_detectable_difference(std::array{1.0}, std::array{2.0}), std::numeric_limits<double>::infinity());
  EXPECT_EQ(minimum_detectable_difference(std::array{1.0, 1.0}, std::array{1.0, 1.0}), 0);
}

TEST(Holm, AdjustsStepDownInTheOrderGiven) {
  // R: p.adjust(c(0.04, 0.01, 0.03, 0.02), "holm"): 0.06 0.04 0.06 0.06 (products 0.04, 0.04, 0.06, 0.06, kept ascending)
  EXPECT_THAT(holm(std::array{0.04, 0.01, 0.03, 0.02}), ElementsAre(DoubleNear(0.06, 1e-15), DoubleNear(0.04, 1e-15),
                                                                    DoubleNear(0.06, 1e-15), DoubleNear(0.06, 1e-15)));
  EXPECT_THAT(holm(std::array{0.9, 0.4, 0.001}), ElementsAre(0.9, 0.8, 0.003));
  EXPECT_THAT(holm(std::array{0.7, 0.6}), ElementsAre(1, 1));
  EXPECT_TRUE(holm({}).empty());
  EXPECT_THROW(holm(std::array{0.5, std::nan("")}), InternalError);
}

TEST(Compare, GathersEveryStatistic) {
  const auto result = compare(kSleepFirst, kSleepSecond, 9, 1000);
  EXPECT_NEAR(result.difference, 1.58, 1e-12);
  EXPECT_EQ(result.pairs, 10);
  EXPECT_EQ(result.t_test_p, paired_t_test(kSleepFirst, kSleepSecond));
  EXPECT_EQ(result.wilcoxon_p, wilcoxon_signed_rank_test(kSleepFirst, kSleepSecond));
  EXPECT_EQ(result.detectable, minimum_detectable_difference(kSleepFirst, kSleepSecond));
  const auto [low, high] = bootstrap_interval(kSleepFirst, kSleepSecond, 9, 1000);
  EXPECT_EQ(result.interval_low, low);
  EXPECT_EQ(result.interval_high, high);
  EXPECT_LT(low, 1.58);
  EXPECT_GT(high, 1.58);
}

TEST(Compare, RefusesUnpairedOrBrokenValues) {
  EXPECT_THROW(compare(std::array{1.0}, std::array{1.0, 2.0}, 1), InternalError);
  EXPECT_THROW(compare(std::array{1.0}, std::array{std::nan("")}, 1), InternalError);
  EXPECT_EQ(compare({}, {}, 1).pairs, 0);
}

}  // namespace
}  // namespace llama4rec::evaluation
