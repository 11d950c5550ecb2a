// The original data sets, where this machine has them: the paper's Table III and the counts of docs/data.md.
#include <algorithm>
#include <set>

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

LoadedData load_or_skip(const std::string& name) { return load(name, {}); }

#define REQUIRE_ORIGINAL(name) \
  if (!original(name)) GTEST_SKIP() << name << " is not here; set LLAMA4REC_DATA to the folder that holds it"

std::string attribute(const AttributeTable& table, const std::string& name, std::size_t row) {
  return table.values.at(static_cast<std::size_t>(table.find(name))).at(row);
}

std::set<ItemIndex> training_items(const Split& split) {
  std::set<ItemIndex> items;
  for (const auto& history : split.train_histories()) items.insert(history.begin(), history.end());
  return items;
}

/// Of the users with a test item, those with at least two training items.
std::int64_t users_with_two_training_items(const Split& split) {
  const auto users = split.test_users();
  return std::count_if(users.begin(), users.end(), [&](UserIndex user) { return split.train(user).size() >= 2; });
}

std::int64_t known_test_items(const Dataset& dataset, const Split& split) {
  const auto known = training_items(split);
  const auto users = split.test_users();
  return std::count_if(users.begin(), users.end(), [&](UserIndex user) {
    return known.contains(dataset.interactions[static_cast<std::size_t>(split.test(user))].item);
  });
}

TEST(OriginalData, Movielens100kHasTheSizesOfThePapersTable) {
  REQUIRE_ORIGINAL("ml-100k");
  const auto data = load_or_skip("ml-100k");
  EXPECT_EQ(data.dataset.users(), 943);
  EXPECT_EQ(data.dataset.items(), 1682);
  EXPECT_EQ(data.dataset.size(), 100000);
  EXPECT_EQ(data.positive_threshold, 4);
  EXPECT_EQ(data.dataset.item_noun, "movie");
  EXPECT_EQ(data.dataset.item_titles[0], "Toy Story (1995)");
  EXPECT_EQ(attribute(data.dataset.item_attributes, "genres", 0), "Animation|Children's|Comedy");
  EXPECT_EQ(attribute(data.dataset.item_attributes, "year", 0), "1995");
  EXPECT_EQ(data.dataset.item_titles[542], "Mis\xC3\xA9rables, Les (1995)");
  EXPECT_EQ(attribute(data.dataset.item_attributes, "genres", 266), "") << "movie 267 has no known genre";
  EXPECT_EQ(attribute(data.dataset.user_attributes, "occupation", 0), "technician");
  EXPECT_EQ(data.dataset.source_hash.size(), 64U);
}

TEST(OriginalData, Movielens100kSplitsGiveTheCountsThatThePeersReport) {
  REQUIRE_ORIGINAL("ml-100k");
  const auto data = load_or_skip("ml-100k");
  const auto direct = data.split(Task::kDirect);
  const auto rating = data.split(Task::kRating);
  EXPECT_EQ(direct.test_users().size(), 942U);
  EXPECT_EQ(known_test_items(data.dataset, direct), 927);
  EXPECT_EQ(direct.members(Part::kTrain).count(), 53491);
  EXPECT_EQ(direct.members(Part::kTrain).count() + direct.members(Part::kValidation).count() +
                direct.members(Part::kTest).count(),
            55375);
  EXPECT_EQ(users_with_two_training_items(direct), 940);

  std::int64_t overlap = 0;
  for (const UserIndex user : direct.test_users()) overlap += rating.part(direct.test(user)) == Part::kTrain ? 1 : 0;
  EXPECT_EQ(overlap, 301) << "why the held-out set is a union over the tasks";

  const auto held_out = held_out_union({&direct, &rating});
  for (const UserIndex user : direct.test_users()) {
    EXPECT_TRUE(held_out.contains(direct.test(user)));
    EXPECT_TRUE(held_out.contains(rating.validation(user)));
  }
}

TEST(OriginalData, Movielens1mHasTheSizesOfThePapersTable) {
  REQUIRE_ORIGINAL("ml-1m");
  const auto data = load_or_skip("ml-1m");
  EXPECT_EQ(data.dataset.users(), 6040);
  EXPECT_EQ(data.dataset.items(), 3706);
  EXPECT_EQ(data.dataset.size(), 1000209);
  EXPECT_EQ(notice(data.dataset, "items without interactions dropped"), 177);
  EXPECT_EQ(attribute(data.dataset.user_attributes, "age", 0), "Under 18");
  EXPECT_EQ(attribute(data.dataset.user_attributes, "occupation", 0), "K-12 student");
  const auto split = data.split(Task::kSequential);
  EXPECT_EQ(known_test_items(data.dataset, split), 6032);
  EXPECT_EQ(users_with_two_training_items(split), 6035);
}

TEST(OriginalData, BookCrossingAfterItsFilterHasTheSizesOfThePapersTable) {
  REQUIRE_ORIGINAL("book-crossing");
  const auto data = load_or_skip("book-crossing");
  EXPECT_EQ(data.dataset.users(), 6851);
  EXPECT_EQ(data.dataset.items(), 9085);
  EXPECT_EQ(data.dataset.size(), 115219);
  EXPECT_EQ(data.positive_threshold, 8);
  EXPECT_EQ(data.dataset.item_noun, "book");
  EXPECT_EQ(data.dataset.rating_maximum, 10);
  EXPECT_FALSE(data.dataset.has_timestamps);
  const auto& ages = data.dataset.user_attributes.values[1];
  EXPECT_EQ(std::count(ages.begin(), ages.end(), ""), 2001);
  std::vector<std::int64_t> counts;
  for (UserIndex user = 0; user < data.dataset.users(); ++user) {
    counts.push_back(static_cast<std::int64_t>(data.dataset.of_user(user).size()));
  }
  std::sort(counts.begin(), counts.end());
  EXPECT_EQ(counts[counts.size() / 2], 9);
  EXPECT_EQ(counts.front(), 5);
  EXPECT_EQ(counts.back(), 2412);
}

TEST(OriginalData, BookCrossingsTenCoreHasTheSizesOfRecRanker) {
  REQUIRE_ORIGINAL("book-crossing");
  DataOptions options;
  options.core = 10;
  const auto data = load("book-crossing", options);
  EXPECT_EQ(data.dataset.users(), 1820);
  EXPECT_EQ(data.dataset.items(), 2030);
  EXPECT_EQ(data.dataset.size(), 41456);
}

}  // namespace
}  // namespace llama4rec::data
