#include "pipeline/dataset_table.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/report.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::HasSubstr;

data::DatasetStatistics toy() {
  data::DatasetStatistics result;
  result.name = "toy";
  result.synthetic = true;
  result.users = 1200;
  result.items = 8;
  result.ratings = 2400;
  result.density = 0.25;
  result.item_features = {"title", "genre"};
  result.positive_threshold = 4;
  result.positives = 1000;
  result.tasks = {{.task = "direct", .train = 2000, .validation = 150, .test = 250}};
  return result;
}

TEST(DatasetTable, IsKeptAsJsonMarkdownCsvAndAPage) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "dataset_table" / "new";
  std::filesystem::remove_all(folder.parent_path());
  const auto document = write_dataset_table({toy()}, folder, "llama4rec experiment table3");
  for (const char* name : {"table3.json", "table3.md", "table3.csv", "table3.html"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  EXPECT_EQ(dataset_table_csv(document),
            "dataset,synthetic,users,items,ratings,density,user_features,item_features,positive_threshold,positives\n"
            "toy,true,1200,8,2400,0.25,\"\",\"title;genre\",4,1000\n");
  std::filesystem::remove_all(folder.parent_path());
}

TEST(DatasetTable, ThePageHasTheFiguresTheSplitsAndTheNotices) {
  auto statistics = toy();
  const auto page_of = [&] {
    return dataset_table_report(
        {{"command", "llama4rec experiment table3"}, {"datasets", {data::to_json(statistics)}}});
  };
  auto page = page_of();
  const auto& blocks = page.at("sections")[0].at("blocks");
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].at("rows")[0], nlohmann::json::parse(R"(["# of users", "1,200"])"));
  EXPECT_EQ(blocks[0].at("rows")[4], nlohmann::json::parse(R"(["user features", "–"])"));
  EXPECT_EQ(blocks[1].at("rows")[0],
            nlohmann::json::parse(R"(["toy", "direct", "2,000", "150", "250", "0", "0", "0"])"));
  EXPECT_THAT(report::render(page), HasSubstr("synthetic data"));
  statistics.notices.push_back({"ratings of 0", 7});
  EXPECT_EQ(page_of().at("sections")[0].at("blocks")[2].at("rows")[0],
            nlohmann::json::parse(R"(["toy", "ratings of 0", "7"])"));
}

}  // namespace
}  // namespace llama4rec::pipeline
