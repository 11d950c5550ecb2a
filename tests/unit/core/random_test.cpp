#include "core/random.h"

#include <array>
#include <cmath>
#include <span>

#include <gtest/gtest.h>

namespace llama4rec {
namespace {

TEST(RandomStreamTest, EqualSeedsAndNamesGiveEqualNumbers) {
  RandomStream a(7, "mf", {1});
  RandomStream b(7, "mf", {1});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(RandomStreamTest, SeedNameAndIndicesEachChangeTheStream) {
  const auto first = [](RandomStream stream) { return stream.next(); };
  const auto base = first(RandomStream(7, "mf", {1}));
  EXPECT_NE(base, first(RandomStream(8, "mf", {1})));
  EXPECT_NE(base, first(RandomStream(7, "mg", {1})));
  EXPECT_NE(base, first(RandomStream(7, "mf", {2})));
  EXPECT_NE(base, first(RandomStream(7, "mf")));
  EXPECT_NE(base, first(RandomStream(7, "mf", {1, 0})));
}

TEST(RandomStreamTest, ARestoredStateContinuesTheStream) {
  RandomStream stream(1, "x");
  (void)stream.next();
  const auto state = stream.state();
  const auto expected = stream.next();
  RandomStream other(2, "y");
  other.restore(state);
  EXPECT_EQ(other.next(), expected);
}

TEST(RandomStreamTest, IntegersBelowABoundAreUniform) {
  RandomStream stream(1, "below");
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts.at(stream.below(6));
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_square, 20.5);  // the 99.9th percentile with 5 degrees of freedom
  EXPECT_EQ(stream.below(1), 0U);
}

TEST(RandomStreamTest, UniformAndNormalNumbersHaveTheirMoments) {
  RandomStream stream(1, "moments");
  constexpr int kDraws = 100000;
  double uniform_sum = 0;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = stream.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    uniform_sum += u;
    const double x = stream.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(sum / kDraws, 0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
}

TEST(RandomStreamTest, AShuffleIsAPermutationAndReachesEveryOrder) {
  RandomStream stream(1, "shuffle");
  std::array<int, 6> counts{};
  for (int i = 0; i < 6000; ++i) {
    std::array<int, 3> values{0, 1, 2};
    stream.shuffle(std::span<int>(values));
    ASSERT_EQ(values[0] + values[1] + values[2], 3);
    ++counts.at(static_cast<std::size_t>(values[0] * 2 + (values[1] > values[2] ? 1 : 0)));
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace llama4rec
