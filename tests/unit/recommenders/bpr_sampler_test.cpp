#include "recommenders/direct/bpr_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <omp.h>

#include "recommenders/direct/row_groups.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

struct Sample {
  UserIndex user;
  ItemIndex preferred;
  ItemIndex other;
  float weight;
  auto operator<=>(const Sample&) const = default;
};

std::vector<Sample> collect(const BprSamples& samples) {
  std::vector<Sample> result;
  for (std::size_t n = 0; n < samples.size(); ++n) {
    result.push_back({samples.users[n], samples.preferred[n], samples.others[n], samples.weights[n]});
  }
  return result;
}

TEST(BprSampler, UsesEveryInteractionOnceAnEpoch) {
  const auto data = training_data({{0, 1, 2}, {2, 2}, {}, {4}}, 6);
  BprSampler sampler(data, inspect(data), 1, 1);
  std::multiset<std::pair<UserIndex, ItemIndex>> seen;
  for (const Sample& sample : collect(sampler.draw(1))) seen.emplace(sample.user, sample.preferred);
  const std::multiset<std::pair<UserIndex, ItemIndex>> expected = {{0, 0}, {0, 1}, {0, 2}, {1, 2}, {1, 2}, {3, 4}};
  EXPECT_EQ(seen, expected);
}

TEST(BprSampler, NeverDrawsASeenOrAnUnknownItem) {
  const auto data = two_groups(40, 30, 9, 2);
  BprSampler sampler(data, inspect(data), 1, 1);
  const auto known = inspect(data).known_items;
  for (std::int64_t epoch = 1; epoch <= 20; ++epoch) {
    for (const Sample& sample : collect(sampler.draw(epoch))) {
      const auto& history = data.histories[static_cast<std::size_t>(sample.user)];
      ASSERT_EQ(std::count(history.begin(), history.end(), sample.other), 0);
      ASSERT_TRUE(known[static_cast<std::size_t>(sample.other)]);
    }
  }
}

TEST(BprSampler, DrawsUniformlyFromTheUnseenItems) {
  // The user has seen 7 of 10 items, so that rejection is common; the other user makes all items known.
  const auto data = training_data({{0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, 10);
  BprSampler sampler(data, inspect(data), 1, 1);
  std::map<ItemIndex, int> counts;
  const int epochs = 3000;
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    for (const Sample& sample : collect(sampler.draw(epoch))) ++counts[sample.other];
  }
  ASSERT_EQ(counts.size(), 3U);
  const double expected = 7.0 * epochs / 3;
  for (const auto& [item, count] : counts) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected)) << "item " << item;
}

TEST(BprSampler, FindsTheOneUnseenItemAmongThousands) {
  std::vector<ItemIndex> all;
  for (ItemIndex item = 0; item < 5000; ++item) all.push_back(item);
  const std::vector<ItemIndex> all_but_last(all.begin(), all.end() - 1);
  const auto data = training_data({all_but_last, {4999}}, 5000);
  BprSampler sampler(data, inspect(data), 1, 1);
  for (const Sample& sample : collect(sampler.draw(1))) {
    if (sample.user == 0) {
      ASSERT_EQ(sample.other, 4999);
    }
  }
}

TEST(BprSampler, LeavesOutAndCountsUsersWhoHaveSeenEveryItem) {
  const auto data = training_data({{0, 1, 2}, {1}}, 4);  // item 3 is unknown, so user 0 has seen all there is
  BprSampler sampler(data, inspect(data), 1, 1);
  EXPECT_EQ(sampler.skipped(), 3);
  ASSERT_EQ(sampler.size(), 1U);
  EXPECT_EQ(sampler.draw(1).users[0], 1);
}

TEST(BprSampler, RefusesDataThatTeachesNoPreference) {
  const auto data = training_data({{0, 1}, {1, 0}}, 2);
  EXPECT_THROW(BprSampler(data, inspect(data), 1, 1), DataError);
}

TEST(BprSampler, AddsEachPairOnceWithItsWeight) {
  auto data = training_data({{0}, {1}}, 4);
  data.pairs = {{.user = 1, .preferred = 2, .other = 3}};
  BprSampler sampler(data, inspect(data), 0.25, 1);
  const auto samples = collect(sampler.draw(3));
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(std::count(samples.begin(), samples.end(), Sample{1, 2, 3, 0.25F}), 1);
}

TEST(BprSampler, DependsOnSeedAndEpochButNotOnThreads) {
  const auto data = two_groups(2000, 60, 12, 2);
  const auto statistics = inspect(data);
  const auto draw = [&](std::uint64_t seed, std::int64_t epoch, int threads) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    BprSampler sampler(data, statistics, 1, seed);
    auto samples = collect(sampler.draw(epoch));
    omp_set_num_threads(before);
    return samples;
  };
  const auto reference = draw(1, 2, 1);
  EXPECT_EQ(draw(1, 2, 3), reference);
  EXPECT_NE(draw(2, 2, 1), reference);
  EXPECT_NE(draw(1, 3, 1), reference);
}

TEST(RowGroups, HoldEveryTouchOfEveryRowInTheOrderOfTheSamples) {
  const std::vector<UserIndex> users = {1, 0, 1};
  const std::vector<ItemIndex> preferred = {2, 2, 0};
  const std::vector<ItemIndex> others = {0, 1, 2};
  const std::vector<float> weights = {1, 1, 1};
  std::vector<std::int32_t> slots(5, -1);
  RowGroups groups;
  group_rows({users, preferred, others, weights}, 2, slots, groups);
  EXPECT_EQ(slots, std::vector<std::int32_t>(5, -1));
  using Touch = std::pair<std::size_t, SampleRole>;
  std::map<std::int32_t, std::vector<Touch>> touches;
  for (std::size_t group = 0; group < groups.rows.size(); ++group) {
    for (auto e = static_cast<std::size_t>(groups.offsets[group]);
         e < static_cast<std::size_t>(groups.offsets[group + 1]); ++e) {
      touches[groups.rows[group]].emplace_back(groups.entries[e].sample(), groups.entries[e].role());
    }
  }
  using enum SampleRole;
  const std::map<std::int32_t, std::vector<Touch>> expected = {{0, {{1, kUser}}},
                                                               {1, {{0, kUser}, {2, kUser}}},
                                                               {2, {{0, kOther}, {2, kPreferred}}},
                                                               {3, {{1, kOther}}},
                                                               {4, {{0, kPreferred}, {1, kPreferred}, {2, kOther}}}};
  EXPECT_EQ(touches, expected);
}

TEST(TrainingStatistics, RefuseIndicesOutsideTheData) {
  EXPECT_THROW(inspect(training_data({{0, 7}}, 4)), DataError);
  EXPECT_THROW(inspect(training_data({{-1}}, 4)), DataError);
  auto data = training_data({{0}}, 4);
  data.pairs = {{.user = 1, .preferred = 0, .other = 1}};
  EXPECT_THROW(inspect(data), DataError);
  data.pairs = {{.user = 0, .preferred = 0, .other = 4}};
  EXPECT_THROW(inspect(data), DataError);
}

TEST(TrainingStatistics, RefuseDataWithoutAnyInteraction) {
  EXPECT_THROW(inspect(training_data({{}, {}}, 4)), DataError);
}

}  // namespace
}  // namespace llama4rec::recommenders
