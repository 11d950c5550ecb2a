#include "prompts/sampling.h"

#include <array>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llama4rec::prompts {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Places = std::vector<std::size_t>;

constexpr std::uint64_t kSamplingSeeds = 40000;

/// Five standard errors of a frequency over the seeds.
double bound(double probability) {
  return 5 * std::sqrt(probability * (1 - probability) / static_cast<double>(kSamplingSeeds));
}

TEST(Sampling, UniformDrawsAreThoseOfEarlierReleases) {
  // By `draw_instructions` before there was another sampling; stages that were made with it stay as they are.
  EXPECT_THAT(draw_uniformly(12, 5, 5), ElementsAre(0, 1, 2, 6, 10));
}

TEST(Sampling, EveryPairIsUniformlyAsLikely) {
  std::map<Places, int> pairs;
  for (std::uint64_t seed = 0; seed < kSamplingSeeds; ++seed) ++pairs[draw_uniformly(4, 2, seed)];
  ASSERT_EQ(pairs.size(), 6U);
  for (const auto& [pair, count] : pairs)
    EXPECT_NEAR(count / static_cast<double>(kSamplingSeeds), 1.0 / 6, bound(1.0 / 6));
}

TEST(Sampling, WeightedDrawsHaveTheProbabilitiesOfDrawingOneAfterTheOther) {
  // Weights 1 2 3 4, two drawn: {a, b} comes with wa/10 wb/(10 - wa) + wb/10 wa/(10 - wb).
  const std::array<double, 4> weights{1, 2, 3, 4};
  std::map<Places, int> pairs;
  for (std::uint64_t seed = 0; seed < kSamplingSeeds; ++seed) ++pairs[draw_by_weight(weights, 2, seed)];
  std::array<double, 4> included{};
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a + 1; b < 4; ++b) {
      const double product = weights[a] * weights[b] / 10;
      const double expected = product / (10 - weights[a]) + product / (10 - weights[b]);
      const double found = pairs[{a, b}] / static_cast<double>(kSamplingSeeds);
      EXPECT_NEAR(found, expected, bound(expected)) << a << " and " << b;
      included[a] += found;
      included[b] += found;
    }
  }
  // By hand, for the first: 1/10 + 2/10 1/8 + 3/10 1/7 + 4/10 1/6 = .2345; twice its weight's share would be .2.
  EXPECT_NEAR(included[0], 0.234524, bound(0.2345));
  EXPECT_NEAR(included[3], 0.4 + 0.1 * 4 / 9 + 0.2 * 4 / 8 + 0.3 * 4 / 7, bound(0.7159));
}

TEST(Sampling, ASingleWeightedDrawIsProportionalToTheWeights) {
  const std::array<double, 3> weights{0.5, 0, 1.5};
  std::array<int, 3> drawn{};
  for (std::uint64_t seed = 0; seed < kSamplingSeeds; ++seed) ++drawn.at(draw_by_weight(weights, 1, seed).front());
  EXPECT_NEAR(drawn[0] / static_cast<double>(kSamplingSeeds), 0.25, bound(0.25));
  EXPECT_EQ(drawn[1], 0) << "weight zero";
}

TEST(Sampling, WeightZeroIsDrawnWhereNothingElseIsLeft) {
  const std::array<double, 4> weights{0, 2, 0, 1};
  EXPECT_THAT(draw_by_weight(weights, 2, 9), ElementsAre(1, 3));
  EXPECT_THAT(draw_by_weight(weights, 3, 9), ::testing::IsSupersetOf({1, 3}));
}

TEST(Sampling, AllThereIsIsDrawnWhereMoreIsAskedFor) {
  const std::array<double, 3> weights{1, 2, 3};
  const std::array<std::int64_t, 3> groups{0, 0, 1};
  for (const std::size_t most : {3U, 4U}) {
    EXPECT_THAT(draw_uniformly(3, most, 1), ElementsAre(0, 1, 2));
    EXPECT_THAT(draw_by_weight(weights, most, 1), ElementsAre(0, 1, 2));
    EXPECT_THAT(draw_in_turns(groups, most, 1), ElementsAre(0, 1, 2));
  }
  EXPECT_THAT(draw_by_weight({}, 3, 1), IsEmpty());
  EXPECT_THAT(draw_in_turns({}, 3, 1), IsEmpty());
  EXPECT_THAT(draw_by_weight(weights, 0, 1), IsEmpty());
}

TEST(Sampling, DrawsAreThoseOfTheirSeed) {
  std::vector<double> weights(100);
  std::vector<std::int64_t> groups(100);
  for (std::size_t n = 0; n < 100; ++n) {
    weights[n] = 1 + static_cast<double>(n % 7);
    groups[n] = static_cast<std::int64_t>(n % 3);
  }
  EXPECT_EQ(draw_by_weight(weights, 20, 4), draw_by_weight(weights, 20, 4));
  EXPECT_NE(draw_by_weight(weights, 20, 4), draw_by_weight(weights, 20, 5));
  EXPECT_EQ(draw_in_turns(groups, 20, 4), draw_in_turns(groups, 20, 4));
  EXPECT_NE(draw_in_turns(groups, 20, 4), draw_in_turns(groups, 20, 5));
}

TEST(Sampling, MoreDrawsKeepTheEarlierOnes) {
  std::vector<double> weights(50);
  std::vector<std::int64_t> groups(50);
  for (std::size_t n = 0; n < 50; ++n) weights[n] = static_cast<double>(groups[n] = static_cast<std::int64_t>(n % 4));
  for (std::size_t most = 1; most < 50; ++most) {
    EXPECT_THAT(draw_by_weight(weights, most + 1, 3), ::testing::IsSupersetOf(draw_by_weight(weights, most, 3)));
    EXPECT_THAT(draw_in_turns(groups, most + 1, 3), ::testing::IsSupersetOf(draw_in_turns(groups, most, 3)));
  }
}

/// Places drawn of each group.
std::map<std::int64_t, int> of_groups(const std::vector<std::int64_t>& groups, std::size_t most, std::uint64_t seed) {
  std::map<std::int64_t, int> result;
  for (const std::size_t place : draw_in_turns(groups, most, seed)) ++result[groups[place]];
  return result;
}

TEST(Sampling, GroupsContributeAlikeAsFarAsTheyHavePlaces) {
  std::vector<std::int64_t> groups;
  for (const auto& [group, size] : std::map<std::int64_t, int>{{-1, 2}, {0, 50}, {7, 3}, {9, 20}}) {
    groups.insert(groups.end(), static_cast<std::size_t>(size), group);
  }
  using Expected = std::map<std::int64_t, int>;
  EXPECT_EQ(of_groups(groups, 8, 1), (Expected{{-1, 2}, {0, 2}, {7, 2}, {9, 2}}));
  EXPECT_EQ(of_groups(groups, 11, 1), (Expected{{-1, 2}, {0, 3}, {7, 3}, {9, 3}}));
  EXPECT_EQ(of_groups(groups, 25, 1), (Expected{{-1, 2}, {0, 10}, {7, 3}, {9, 10}})) << "the rest in turns";
  EXPECT_EQ(of_groups(groups, 60, 1), (Expected{{-1, 2}, {0, 35}, {7, 3}, {9, 20}}));
}

TEST(Sampling, WhoHasTheLastTurnIsDrawn) {
  std::map<std::int64_t, int> last;
  for (std::uint64_t seed = 0; seed < kSamplingSeeds; ++seed) ++last[of_groups({0, 1, 2}, 1, seed).begin()->first];
  for (std::int64_t group = 0; group < 3; ++group) {
    EXPECT_NEAR(last[group] / static_cast<double>(kSamplingSeeds), 1.0 / 3, bound(1.0 / 3));
  }
}

TEST(Sampling, WithinAGroupAllPlacesAreAlike) {
  // Two of {0, 1, 2, 3} and two of {4, 5}.
  std::array<int, 6> drawn{};
  for (std::uint64_t seed = 0; seed < kSamplingSeeds; ++seed) {
    for (const std::size_t place : draw_in_turns(std::vector<std::int64_t>{0, 0, 0, 0, 1, 1}, 4, seed)) {
      ++drawn.at(place);
    }
  }
  for (std::size_t place = 0; place < 4; ++place) {
    EXPECT_NEAR(drawn.at(place) / static_cast<double>(kSamplingSeeds), 0.5, bound(0.5));
  }
  EXPECT_EQ(drawn[4], static_cast<int>(kSamplingSeeds));
  EXPECT_EQ(drawn[5], static_cast<int>(kSamplingSeeds));
}

}  // namespace
}  // namespace llama4rec::prompts
