#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/rating/features.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::ElementsAre;

/// Three users and four items; user 2 and item 3 have no rating.
RatingTrainingData small(const AttributeTable* users, const AttributeTable* items) {
  RatingTrainingData data{.users = 3, .items = 4, .user_attributes = users, .item_attributes = items};
  data.examples = {{0, 0, 3}, {0, 1, 4}, {1, 2, 5}};
  return data;
}

std::vector<std::int32_t> code(std::span<const std::int32_t> code) { return {code.begin(), code.end()}; }

TEST(Features, HaveAFieldForUserAndItemAndARowForEachSeenOne) {
  const FeatureTable table = build_features(small(nullptr, nullptr), {});
  ASSERT_EQ(table.fields.size(), 2);
  EXPECT_EQ(table.fields[0].name, "user");
  EXPECT_EQ(table.fields[1].name, "item");
  EXPECT_TRUE(table.fields[1].of_item);
  EXPECT_EQ(table.rows, 3 + 4);  // unknown and two users, unknown and three items
  EXPECT_THAT(code(table.user_code(0)), ElementsAre(1));
  EXPECT_THAT(code(table.user_code(1)), ElementsAre(2));
  EXPECT_THAT(code(table.user_code(2)), ElementsAre(0));
  EXPECT_THAT(code(table.user_code(99)), ElementsAre(0));
  EXPECT_THAT(code(table.item_code(2)), ElementsAre(6));
  EXPECT_THAT(code(table.item_code(3)), ElementsAre(3));
  EXPECT_THAT(code(table.item_code(4)), ElementsAre(3));
  EXPECT_EQ(table.unseen_users, 1);
  EXPECT_EQ(table.unseen_items, 1);
}

TEST(Features, KeepTheOrderOfTheAttributes) {
  const AttributeTable users{.names = {"z", "a"}, .values = {{"1", "2", "2"}, {"x", "x", "y"}}};
  const AttributeTable items{.names = {"m"}, .values = {{"p", "p", "p", "p"}}};
  const FeatureTable table = build_features(small(&users, &items), {.minimum_count = 1});
  std::vector<std::string> names;
  for (const auto& field : table.fields) names.push_back(field.name);
  EXPECT_THAT(names, ElementsAre("user", "z", "a", "item", "m"));
  std::int64_t row = 0;
  for (const auto& field : table.fields) {
    EXPECT_EQ(field.first_row, row) << field.name;
    row += field.rows;
  }
  EXPECT_EQ(table.rows, row);
}

TEST(Features, TellMissingAndRareValuesApart) {
  const AttributeTable items{.names = {"maker"}, .values = {{"B", "", "A", "B"}}};
  const FeatureTable table = build_features(small(nullptr, &items), {.minimum_count = 2});
  const FeatureField& field = table.fields[2];
  EXPECT_EQ(field.rows, 3);                                 // unknown, rare, B
  EXPECT_EQ(table.item_code(0)[1], field.first_row + 2);    // B
  EXPECT_EQ(table.item_code(1)[1], field.first_row);        // missing
  EXPECT_EQ(table.item_code(2)[1], field.first_row + 1);    // A occurs once
  EXPECT_EQ(table.item_code(3)[1], table.item_code(0)[1]);  // the item is unseen, its maker is not
  EXPECT_EQ(table.item_code(70)[1], field.first_row);
}

TEST(Features, PoolSeveralValuesOfACellOrMakeThemFlags) {
  const AttributeTable items{.names = {"genres"}, .values = {{"C|A", "A", "", "A|B|A"}}};
  const FeatureTable pooled = build_features(small(nullptr, &items), {.minimum_count = 2, .multivalued = "mean"});
  const FeatureField& genres = pooled.fields[2];
  EXPECT_EQ(genres.slots, 2);
  const auto first = static_cast<std::int32_t>(genres.first_row);
  EXPECT_THAT(code(pooled.item_code(0).subspan(1)), ElementsAre(first + 1, first + 2));  // C is rare
  EXPECT_THAT(code(pooled.item_code(1).subspan(1)), ElementsAre(first + 2, -1));
  EXPECT_THAT(code(pooled.item_code(2).subspan(1)), ElementsAre(first, -1));
  EXPECT_THAT(code(pooled.item_code(3).subspan(1)), ElementsAre(first + 1, first + 2));
  const FeatureTable flags = build_features(small(nullptr, &items), {.multivalued = "flags"});
  ASSERT_EQ(flags.fields.size(), 5);
  EXPECT_EQ(flags.fields[2].name, "genres=A");
  EXPECT_EQ(flags.fields[4].name, "genres=C");
  const auto flag = [&](ItemIndex item, std::size_t field) {
    return flags.item_code(item)[field - 1] - flags.fields[field].first_row;
  };
  EXPECT_EQ(flag(0, 2), 2);
  EXPECT_EQ(flag(1, 4), 1);
  EXPECT_EQ(flag(2, 4), 0);
}

TEST(Features, CutNumbersIntoQuantiles) {
  const AttributeTable items{.names = {"year"}, .values = {{"1990", "30", "-4.5", ""}}};
  const FeatureTable table = build_features(small(nullptr, &items), {.bins = 2});
  const FeatureField& field = table.fields[2];
  EXPECT_EQ(field.rows, 4);  // unknown, rare, two bins
  const auto first = static_cast<std::int32_t>(field.first_row);
  EXPECT_EQ(table.item_code(0)[1], first + 3);
  EXPECT_EQ(table.item_code(1)[1], first + 3);  // the median opens the upper half
  EXPECT_EQ(table.item_code(2)[1], first + 2);
  EXPECT_EQ(table.item_code(3)[1], first);
  // As few values as bins are categories: equal numbers, equal rows.
  const FeatureTable coarse = build_features(small(nullptr, &items), {.minimum_count = 1, .bins = 3});
  EXPECT_EQ(coarse.fields[2].rows, 5);
}

TEST(Features, LeaveAttributesOutWhenTold) {
  const AttributeTable items{.names = {"year"}, .values = {{"1", "2", "3", "4"}}};
  EXPECT_EQ(build_features(small(nullptr, &items), {.attributes = false}).fields.size(), 2);
}

TEST(Features, RefuseAnAttributeOfAnotherLength) {
  const AttributeTable items{.names = {"year"}, .values = {{"1", "2"}}};
  EXPECT_THROW(build_features(small(nullptr, &items), {}), DataError);
}

}  // namespace
}  // namespace llama4rec::recommenders
