#include "data/statistics.h"

#include <nlohmann/json.hpp>

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

LoadedData small() {
  LoadedData data;
  auto& dataset = data.dataset;
  dataset.name = "small";
  dataset.synthetic = true;
  dataset.user_ids = {"a", "b"};
  dataset.item_ids = {"1", "2", "3", "4"};
  dataset.item_titles = {"X", "X", "", "X"};
  dataset.item_attributes = {.names = {"year"}, .values = {{"", "", "", ""}}};
  dataset.interactions = {{0, 0, 5, 1}, {0, 1, 4, 2}, {0, 2, 4, 2}, {0, 3, 1, 2}, {1, 0, 5, 1}, {1, 1, 5, 1}};
  dataset.user_offsets = {0, 4, 6};
  dataset.notices = {{.what = "something dropped", .count = 1234}};
  data.positive_threshold = 4;
  return data;
}

TEST(Statistics, CountsWhatIsInTheDataSetAndItsSplits) {
  const auto s = describe(small());
  EXPECT_EQ(s.users, 2);
  EXPECT_EQ(s.items, 4);
  EXPECT_EQ(s.ratings, 6);
  EXPECT_DOUBLE_EQ(s.density, 0.75);
  EXPECT_EQ(s.positives, 5);
  EXPECT_EQ(s.equal_last_timestamps, 2);
  EXPECT_EQ(s.repeated_titles, 2);
  EXPECT_EQ(s.empty_titles, 1);
  EXPECT_THAT(s.item_features, ElementsAre("title", "year"));
  ASSERT_EQ(s.tasks.size(), 2U);
  EXPECT_EQ(s.tasks[0].train, 3);  // a: item 1; b: both
  EXPECT_EQ(s.tasks[0].validation, 1);
  EXPECT_EQ(s.tasks[0].test, 1);
  EXPECT_EQ(s.tasks[0].train_only_users, 1) << "user b has two positives";
  EXPECT_EQ(s.tasks[0].unseen_test_items, 1) << "item 3 is in nobody's train part";
  EXPECT_EQ(s.tasks[0].tied_users, 1);
  EXPECT_EQ(s.tasks[1].train, 4);
  EXPECT_EQ(s.tasks[1].unseen_test_items, 1);
}

TEST(Statistics, PutsDataSetsSideBySide) {
  auto other = small();
  other.dataset.name = "other";
  other.dataset.synthetic = false;
  const auto table = to_comparison({describe(small()), describe(other)});
  EXPECT_THAT(table, HasSubstr("small (synthetic) | other"));
  EXPECT_THAT(table, ::testing::ContainsRegex("# of ratings +\\| +6 +\\| +6"));
  EXPECT_THAT(table, ::testing::ContainsRegex("item features +\\| +title, year"));
}

TEST(Statistics, PrintsAnAlignedTable) {
  const auto table = to_table(describe(small()));
  EXPECT_THAT(table, HasSubstr("small (synthetic)"));
  EXPECT_THAT(table, HasSubstr("| density "));
  EXPECT_THAT(table, HasSubstr("0.750000"));
  EXPECT_THAT(table, HasSubstr("| something dropped          | 1,234 |"));
  std::size_t width = 0;
  for (const auto& line : {table.substr(0, table.find('\n')), table.substr(table.find('\n') + 1)}) {
    const auto length = line.substr(0, line.find('\n')).size();
    EXPECT_TRUE(width == 0 || length == width) << line;
    width = length;
  }
}

TEST(Statistics, CutsTheDensityOffAsThePaperDoes) {
  auto s = describe(small());
  s.density = 100000.0 / (943.0 * 1682.0);
  EXPECT_THAT(to_table(s), HasSubstr("0.063046"));
  EXPECT_DOUBLE_EQ(to_json(s)["density"].get<double>(), s.density);
}

TEST(Statistics, GivesThePapersTableForTheOriginals) {
  struct Row {
    const char* name;
    const char* density;
    std::int64_t users, items, ratings;
  };
  bool any = false;
  for (const Row& row : {Row{"ml-100k", "0.063046", 943, 1682, 100000}, Row{"ml-1m", "0.044683", 6040, 3706, 1000209},
                         Row{"book-crossing", "0.001851", 6851, 9085, 115219}}) {
    if (!original(row.name)) continue;
    any = true;
    const auto s = describe(load(row.name, {}));
    EXPECT_EQ(s.users, row.users);
    EXPECT_EQ(s.items, row.items);
    EXPECT_EQ(s.ratings, row.ratings);
    EXPECT_THAT(to_table(s), HasSubstr(row.density)) << row.name;
    if (std::string(row.name) != "ml-100k") continue;
    EXPECT_EQ(s.positives, 55375);
    EXPECT_EQ(s.repeated_titles, 18);
    EXPECT_EQ(s.tasks[0].test, 942);
    EXPECT_EQ(s.tasks[0].unseen_test_items, 15);
  }
  if (!any) GTEST_SKIP() << "no original data set is here; set LLAMA4REC_DATA to the folder that holds them";
}

}  // namespace
}  // namespace llama4rec::data
