#include "evaluation/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::evaluation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Serves rows of a fixed matrix [users, items].
ScoreBlock from_rows(const std::vector<std::vector<float>>& rows) {
  return [rows](std::span<const UserIndex> users, std::span<float> scores) {
    std::size_t at = 0;
    for (const UserIndex user : users) {
      for (const float score : rows[static_cast<std::size_t>(user)]) scores[at++] = score;
    }
    EXPECT_EQ(at, scores.size());
  };
}

TEST(Ranking, PutsTheHighestScoresFirst) {
  const RankingRequest request{.items = 5, .users = {1, 0}, .masked = {}, .known = {}, .length = 3};
  const auto lists = rank(request, from_rows({{1, 2, 3, 4, 5}, {0.5F, -1, 7, 0, 2}}));
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_THAT(lists[0].items, ElementsAre(2, 4, 0));
  EXPECT_THAT(lists[0].scores, ElementsAre(7, 2, 0.5F));
  EXPECT_THAT(lists[1].items, ElementsAre(4, 3, 2));
}

TEST(Ranking, BreaksTiesByTheSmallerItemIndex) {
  const RankingRequest request{.items = 6, .users = {0}, .masked = {}, .known = {}, .length = 4};
  EXPECT_THAT(rank(request, from_rows({{1, 2, 1, 2, 1, 1}}))[0].items, ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(rank(request, from_rows({{0, 0, 0, 0, 0, 0}}))[0].items, ElementsAre(0, 1, 2, 3));
}

TEST(Ranking, NeverRanksMaskedOrUnknownItemsEvenWhenTheListGetsShort) {
  const RankingRequest request{
      .items = 4, .users = {0}, .masked = {{3, 1, 3}}, .known = {true, true, false, true}, .length = 10};
  const auto lists = rank(request, from_rows({{1, 9, 8, 7}}));
  EXPECT_THAT(lists[0].items, ElementsAre(0));
}

TEST(Ranking, MasksBelongToThePositionOfTheUserAndNotToItsIndex) {
  const RankingRequest request{.items = 3, .users = {2, 0}, .masked = {{0}, {2}}, .known = {}, .length = 1};
  const auto lists = rank(request, from_rows({{1, 2, 3}, {9, 9, 9}, {3, 2, 1}}));
  EXPECT_THAT(lists[0].items, ElementsAre(1));
  EXPECT_THAT(lists[1].items, ElementsAre(1));
}

TEST(Ranking, KeepsItemsThatTrulyScoreMinusInfinityButNotMaskedOnes) {
  const RankingRequest request{.items = 5, .users = {0}, .masked = {{1}}, .known = {}, .length = 4};
  const auto lists = rank(request, from_rows({{-kInfinity, 3, kInfinity, -kInfinity, 0}}));
  EXPECT_THAT(lists[0].items, ElementsAre(2, 4, 0, 3));
  EXPECT_THAT(lists[0].scores, ElementsAre(kInfinity, 0, -kInfinity, -kInfinity));
}

TEST(Ranking, GivesEmptyListsWhenEverythingIsMasked) {
  const RankingRequest request{.items = 2, .users = {0}, .masked = {{0, 1}}, .known = {}, .length = 2};
  EXPECT_THAT(rank(request, from_rows({{1, 2}}))[0].items, IsEmpty());
}

void expect_nan_error(const RankingRequest& request, const std::vector<std::vector<float>>& rows) {
  try {
    rank(request, from_rows(rows));
    ADD_FAILURE() << "no error";
  } catch (const InternalError& error) {
    EXPECT_THAT(error.what(), HasSubstr("user 1"));
    EXPECT_THAT(error.what(), HasSubstr("item 2"));
  }
}

TEST(Ranking, NamesUserAndItemOfANanScore) {
  const std::vector<std::vector<float>> rows{{1, 2, 3}, {1, 2, NAN}};
  expect_nan_error({.items = 3, .users = {0, 1}, .masked = {}, .known = {}, .length = 1}, rows);
  expect_nan_error({.items = 3, .users = {0, 1}, .masked = {{}, {2}}, .known = {}, .length = 1}, rows);
  expect_nan_error({.items = 3, .users = {0, 1}, .masked = {}, .known = {true, true, false}, .length = 1}, rows);
}

TEST(Ranking, RefusesMasksThatDoNotFitTheRequest) {
  const auto scores = from_rows({{1, 2}});
  EXPECT_THROW(rank({.items = 2, .users = {0}, .masked = {{2}}, .known = {}, .length = 1}, scores), InternalError);
  EXPECT_THROW(rank({.items = 2, .users = {0}, .masked = {{-1}}, .known = {}, .length = 1}, scores), InternalError);
  EXPECT_THROW(rank({.items = 2, .users = {0}, .masked = {{}, {}}, .known = {}, .length = 1}, scores), InternalError);
  EXPECT_THROW(rank({.items = 2, .users = {0}, .masked = {}, .known = {true}, .length = 1}, scores), InternalError);
  EXPECT_THROW(rank({.items = 2, .users = {0}, .masked = {}, .known = {}, .length = 0}, scores), InternalError);
}

TEST(Ranking, AgreesWithAFullSortOverManyTiles) {
  // 70,000 items make tiles of 44 users: three tiles here. Few distinct scores make many ties.
  constexpr std::size_t kItems = 70000;
  constexpr std::size_t kUsers = 100;
  const auto score = [](UserIndex user, std::size_t item) {
    RandomStream random(7, "ranking_test", {static_cast<std::uint64_t>(user), item / 1000});
    return static_cast<float>((random.next() + item * item) % 5000);
  };
  RankingRequest request{.items = kItems, .users = {}, .masked = {}, .known = {}, .length = 20};
  RandomStream random(1, "masks");
  for (std::size_t i = 0; i < kUsers; ++i) {
    request.users.push_back(static_cast<UserIndex>(kUsers - i));
    request.masked.emplace_back();
    for (int j = 0; j < 500; ++j) request.masked.back().push_back(static_cast<ItemIndex>(random.below(kItems)));
  }
  std::size_t served = 0;
  std::size_t calls = 0;
  std::vector<std::vector<float>> kept(kUsers + 1);
  const auto lists = rank(request, [&](std::span<const UserIndex> users, std::span<float> scores) {
    ASSERT_LE(scores.size_bytes(), std::size_t{16} << 20U);
    for (std::size_t row = 0; row < users.size(); ++row) {
      for (std::size_t item = 0; item < kItems; ++item) scores[row * kItems + item] = score(users[row], item);
      kept[static_cast<std::size_t>(users[row])].assign(
          scores.begin() + static_cast<std::ptrdiff_t>(row * kItems),
          scores.begin() + static_cast<std::ptrdiff_t>((row + 1) * kItems));
    }
    served += users.size();
    ++calls;
  });
  EXPECT_EQ(served, kUsers);
  EXPECT_EQ(calls, 3U);

  for (std::size_t i = 0; i < kUsers; i += 9) {
    const auto& row = kept[static_cast<std::size_t>(request.users[i])];
    std::vector<bool> masked(kItems, false);
    for (const ItemIndex item : request.masked[i]) masked[static_cast<std::size_t>(item)] = true;
    std::vector<ItemIndex> order;
    for (std::size_t item = 0; item < kItems; ++item) {
      if (!masked[item]) order.push_back(static_cast<ItemIndex>(item));
    }
    std::stable_sort(order.begin(), order.end(), [&](ItemIndex a, ItemIndex b) {
      return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
    });
    order.resize(20);
    ASSERT_EQ(lists[i].items, order) << "position " << i;
  }
}

}  // namespace
}  // namespace llama4rec::evaluation
