#include "prompts/user_clusters.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llama4rec::prompts {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

PointRows line(const std::vector<float>& values) { return {.values = values, .dimension = 1}; }

Clustering all_users(const PointRows& points, std::int64_t clusters, std::uint64_t seed = 1) {
  return cluster_users(points, std::vector<bool>(static_cast<std::size_t>(points.count()), true), clusters, seed);
}

TEST(UserClusters, CentresMoveToTheMeansUntilNothingMoves) {
  // Centres 0 and 1: {0} and {1, 2, 10, 11}; then 0 and 6: {0, 1, 2} and {10, 11}; then 1 and 10.5: the same.
  const std::vector<float> values{0, 1, 2, 10, 11};
  const Clustering found = move_centres(line(values), {0, 1});
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_EQ(found.clusters, 2);
  EXPECT_EQ(found.iterations, 3) << "the third moves nothing";
  EXPECT_TRUE(found.stable);
}

TEST(UserClusters, IterationsAreBounded) {
  const std::vector<float> values{0, 1, 2, 10, 11};
  const Clustering found = move_centres(line(values), {0, 1}, 1);
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 1, 1, 1, 1));
  EXPECT_EQ(found.iterations, 1);
  EXPECT_FALSE(found.stable);
}

TEST(UserClusters, DistancesAreThoseOfAllDimensions) {
  const std::vector<float> values{0, 0, 0, 8, 3, 8, 3, 0};  // (0 0) (0 8) (3 8) (3 0)
  const Clustering found = move_centres({.values = values, .dimension = 2}, {1, 1, 1, 7});
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 1, 1, 0));
}

TEST(UserClusters, TiesGoToTheSmallerNumber) {
  const std::vector<float> values{0, 5, 10};
  EXPECT_THAT(move_centres(line(values), {0, 10}, 1).cluster_of, ElementsAre(0, 0, 1));
}

TEST(UserClusters, AnEmptyClusterTakesThePointThatIsFarthestFromItsCentre) {
  // Centre 100 gets nothing, since 10 is nearer to 1; 10 is the farthest from its centre.
  const std::vector<float> values{0, 1, 2, 10};
  const Clustering found = move_centres(line(values), {1, 100});
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 0, 0, 1));
  EXPECT_EQ(found.clusters, 2);
  // Two of them take two points.
  EXPECT_THAT(move_centres(line(values), {1, 100, 200}).clusters, 3);
}

TEST(UserClusters, AnEmptyClusterTakesNobodysOnlyPoint) {
  // 50 is farthest from its centre, 30, but alone there; so the third cluster takes 1 from 0.
  const std::vector<float> values{0, 1, 50};
  EXPECT_THAT(move_centres(line(values), {0, 30, 500}, 1).cluster_of, ElementsAre(0, 2, 1));
  // Without 1 there are no more points.
  const std::vector<float> fewer{0, 50};
  const Clustering found = move_centres(line(fewer), {0, 30, 500}, 1);
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 1));
  EXPECT_EQ(found.clusters, 2);
}

TEST(UserClusters, EmptyClustersAreLeftOutOfTheNumbering) {
  const std::vector<float> values{4, 4, 9, 9};
  const Clustering found = move_centres(line(values), {-50, 4, 9});
  EXPECT_EQ(found.clusters, 2);
  EXPECT_THAT(found.cluster_of, ElementsAre(0, 0, 1, 1));
}

TEST(UserClusters, FirstCentresAreDifferentPointsWhereThereAreSoMany) {
  const std::vector<float> values{7, 7, 7, 7, 7, 7, 7, 7, 1};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto centres = first_centres(line(values), 2, RandomStream(seed, "test"));
    EXPECT_EQ(std::set(centres.begin(), centres.end()), (std::set<double>{1, 7})) << "uniform draws repeat the 7";
    EXPECT_THAT(first_centres(line(values), 5, RandomStream(seed, "test")), SizeIs(2));
  }
}

TEST(UserClusters, FartherPointsBecomeCentresWithTheSquareOfTheirDistance) {
  // From 0 the next centre is 1 or 3 with 1/10 and 9/10, from 1 it is 0 or 3 with 1/5 and 4/5, from 3 it is 0 or 1 with 9/13 and 4/13.
  constexpr int kSeeds = 30000;
  const std::vector<float> values{0, 1, 3};
  std::map<std::pair<double, double>, double> found;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto centres = first_centres(line(values), 2, RandomStream(seed, "test"));
    found[{centres[0], centres[1]}] += 1.0 / kSeeds;
  }
  const std::map<std::pair<double, double>, double> expected{{{0, 1}, 1 / 30.0}, {{0, 3}, 9 / 30.0},
                                                             {{1, 0}, 1 / 15.0}, {{1, 3}, 4 / 15.0},
                                                             {{3, 0}, 9 / 39.0}, {{3, 1}, 4 / 39.0}};
  ASSERT_EQ(found.size(), 6U);
  for (const auto& [centres, probability] : expected) {
    EXPECT_NEAR(found[centres], probability, 5 * std::sqrt(probability * (1 - probability) / kSeeds))
        << centres.first << " then " << centres.second;
  }
}

/// Points around `middles` in turns, normal with deviation 1. [count, 3]
std::vector<float> blobs(const std::vector<std::array<float, 3>>& middles, int count) {
  RandomStream random(11, "blobs");
  std::vector<float> values;
  for (int n = 0; n < count; ++n) {
    for (const float middle : middles[static_cast<std::size_t>(n) % middles.size()]) {
      values.push_back(middle + static_cast<float>(random.normal()));
    }
  }
  return values;
}

TEST(UserClusters, SeparatedGroupsOfUsersAreFoundFromEverySeed) {
  const std::vector<float> values = blobs({{0, 0, 0}, {300, 0, 0}, {0, 300, 0}, {0, 0, -300}, {300, 300, 300}}, 200);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Clustering found = all_users({.values = values, .dimension = 3}, 5, seed);
    ASSERT_EQ(found.clusters, 5) << seed;
    EXPECT_TRUE(found.stable);
    EXPECT_EQ(std::set(found.cluster_of.begin(), found.cluster_of.begin() + 5).size(), 5U) << seed;
    for (std::size_t user = 5; user < 200; ++user) {
      ASSERT_EQ(found.cluster_of[user], found.cluster_of[user % 5]) << seed << " " << user;
    }
  }
}

TEST(UserClusters, TheSeedDecidesAlone) {
  const std::vector<float> values = blobs({{0, 0, 0}}, 500);
  const PointRows points{.values = values, .dimension = 3};
  EXPECT_EQ(all_users(points, 9, 3).cluster_of, all_users(points, 9, 3).cluster_of);
  EXPECT_NE(all_users(points, 9, 3).cluster_of, all_users(points, 9, 4).cluster_of);
  EXPECT_LE(all_users(points, 9, 3).iterations, kClusterIterations);
  EXPECT_EQ(all_users(points, 9, 3).clusters, 9);
}

TEST(UserClusters, UsersWithoutEmbeddingAreInNoneAndMoveNobody) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values{0, 1, 9000, 20, 21, kNone, -INFINITY};
  const Clustering found = cluster_users(line(values), {true, true, false, true, true, true, true}, 2, 1);
  EXPECT_EQ(found.clusters, 2);
  EXPECT_EQ(found.cluster_of[0], found.cluster_of[1]);
  EXPECT_EQ(found.cluster_of[3], found.cluster_of[4]);
  EXPECT_NE(found.cluster_of[0], found.cluster_of[3]);
  EXPECT_EQ(found.cluster_of[2], -1) << "not eligible";
  EXPECT_EQ(found.cluster_of[5], -1);
  EXPECT_EQ(found.cluster_of[6], -1);
}

TEST(UserClusters, FewerDifferentUsersThanClustersAreClustersOfTheirOwn) {
  const std::vector<float> values{5, 2, 5, 2};
  const Clustering found = all_users(line(values), 20);
  EXPECT_EQ(found.clusters, 2);
  EXPECT_NE(found.cluster_of[0], found.cluster_of[1]);
  EXPECT_EQ(found.cluster_of[0], found.cluster_of[2]);
}

TEST(UserClusters, NobodyMakesNoCluster) {
  const std::vector<float> values{5, 2};
  const Clustering found = cluster_users(line(values), {false, false}, 3, 1);
  EXPECT_EQ(found.clusters, 0);
  EXPECT_THAT(found.cluster_of, ElementsAre(-1, -1));
  EXPECT_THAT(all_users(line({}), 3).cluster_of, IsEmpty());
}

}  // namespace
}  // namespace llama4rec::prompts
