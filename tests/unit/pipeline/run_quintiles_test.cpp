#include "pipeline/run_quintiles.h"

#include <cmath>

#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::pipeline {
namespace {

/// Ten users; a row gives each of them a value.
RunTable table_of(const std::vector<std::pair<std::string, std::vector<double>>>& rows, const TableMetrics& metrics) {
  SeedRows seed;
  for (UserIndex user = 0; user < 10; ++user) seed.users.push_back(user);
  for (const auto& [name, values] : rows) {
    SeedRow row{.name = name, .title = name};
    for (const auto& metric : metrics.per_user) row.test[metric] = values;
    seed.rows.push_back(std::move(row));
  }
  return make_table({seed}, metrics, 1);
}

const std::vector<std::int64_t> kCounts{9, 1, 8, 2, 7, 3, 6, 4, 5, 5};

TEST(RunQuintiles, HoldUsersByTheirCountsWithMeansAndDifferences) {
  const RunTable table = table_of({{"base", {0, 0, 0, 1, 0, 0, 0, 0, 0, 0}},
                                   {"ift", {0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},
                                   {"llama4rec", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
                                  top_k_table_metrics({1}));
  const auto quintiles = quintiles_of(table, kCounts, 7);
  ASSERT_EQ(quintiles.size(), 5U);
  std::size_t users = 0;
  for (const auto& it : quintiles) users += it.at("users").get<std::size_t>();
  EXPECT_EQ(users, 10U);
  const auto& tail = quintiles.front();  // the users 1 and 3
  EXPECT_EQ(tail.at("quintile"), 1);
  EXPECT_EQ(tail.at("minimum"), 1);
  EXPECT_EQ(tail.at("maximum"), 2);
  EXPECT_EQ(tail.at("users"), 2);
  EXPECT_EQ(tail.at("rows")[0].at("metrics").at("H@1"), 0.5);
  EXPECT_FALSE(tail.at("rows")[0].contains("difference"));
  EXPECT_EQ(tail.at("rows")[1].at("difference").at("N@1").at("value"), 0.5);
  const auto& loss = tail.at("rows")[2].at("difference").at("H@1");
  EXPECT_EQ(loss.at("value"), -0.5);
  EXPECT_EQ(loss.at("low"), -1) << "a quarter of the draws take the user that lost twice";
  EXPECT_EQ(loss.at("high"), 0);
  const auto& head = quintiles.back();  // the users 0 and 2
  EXPECT_EQ(head.at("minimum"), 8);
  EXPECT_EQ(head.at("rows")[2].at("difference").at("H@1").at("value"), 0.5);
}

TEST(RunQuintiles, OfRatingsAreRootsOfMeanSquares) {
  const RunTable table = table_of({{"base", {0, 1, 0, 7, 0, 0, 0, 0, 0, 0}},
                                   {"ift", {0, 1, 0, 7, 0, 0, 0, 0, 0, 0}},
                                   {"llama4rec", {0, 1, 0, 1, 0, 0, 0, 0, 0, 0}}},
                                  rating_table_metrics());
  const auto quintiles = quintiles_of(table, kCounts, 7);
  const auto& rows = quintiles.front().at("rows");
  EXPECT_EQ(rows[0].at("metrics").at("RMSE"), 2) << "the root of (1 + 7) / 2";
  EXPECT_EQ(rows[0].at("metrics").at("MAE"), 4);
  EXPECT_EQ(rows[2].at("difference").at("RMSE").at("value"), -1);
  EXPECT_NEAR(rows[2].at("difference").at("RMSE").at("low").get<double>(), 1 - std::sqrt(7), 1e-12);
  EXPECT_EQ(rows[2].at("difference").at("RMSE").at("high"), 0);
}

TEST(RunQuintiles, TheSameCountIsNeverSplit) {
  const RunTable table = table_of({{"base", std::vector<double>(10, 0)},
                                   {"ift", std::vector<double>(10, 0)},
                                   {"llama4rec", std::vector<double>(10, 1)}},
                                  top_k_table_metrics({1}));
  const auto quintiles = quintiles_of(table, std::vector<std::int64_t>(10, 4), 7);
  ASSERT_EQ(quintiles.size(), 1U);
  EXPECT_EQ(quintiles[0].at("users"), 10);
  EXPECT_THROW((void)quintiles_of(table, std::vector<std::int64_t>(9, 4), 7), InternalError);
}

}  // namespace
}  // namespace llama4rec::pipeline
