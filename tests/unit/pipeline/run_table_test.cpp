#include "pipeline/run_table.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::pipeline {
namespace {

SeedRow row(const std::string& name, std::vector<double> values) {
  SeedRow result{.name = name, .title = name};
  result.test["H@1"] = values;
  result.test["N@1"] = std::move(values);
  return result;
}

SeedRows seed(std::vector<double> base, std::vector<double> ift, std::vector<double> llama4rec) {
  SeedRows rows;
  for (std::size_t user = 0; user < base.size(); ++user) rows.users.push_back(static_cast<UserIndex>(user));
  rows.rows = {row("base", std::move(base)), row("ift", std::move(ift)), row("llama4rec", std::move(llama4rec))};
  return rows;
}

TEST(RunTable, UsersAreAveragedOverSeedsAndDeviationsAreOverSeedMeans) {
  const RunTable table =
      make_table({seed({0, 0, 1, 0}, {0, 0, 0, 0}, {1, 0, 1, 0}), seed({0, 0, 1, 1}, {0, 0, 0, 0}, {1, 1, 1, 0})},
                 top_k_table_metrics({1}), 1);
  EXPECT_DOUBLE_EQ(table.rows[0].mean.at("H@1"), 0.375);
  EXPECT_THAT(table.rows[2].per_user.at("H@1"), ::testing::ElementsAre(1, 0.5, 1, 0));
  // Seed means .25 and .5: deviation = .25 / sqrt(2).
  EXPECT_NEAR(table.rows[0].deviation.at("H@1"), 0.1767767, 1e-6);
}

TEST(RunTable, TheImprovementIsOverTheBetterOfBaseAndIft) {
  const RunTable base_better =
      make_table({seed({1, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 1, 0})}, top_k_table_metrics({1}), 1);
  EXPECT_EQ(base_better.improvements[0].baseline, "base");
  EXPECT_DOUBLE_EQ(base_better.improvements[0].relative, 0.5);
  const RunTable ift_better = make_table({seed({1, 0, 0, 0}, {1, 1, 0, 0}, {1, 0, 0, 0})}, top_k_table_metrics({1}), 1);
  EXPECT_EQ(ift_better.improvements[0].baseline, "ift");
  EXPECT_DOUBLE_EQ(ift_better.improvements[0].relative, -0.5);
}

TEST(RunTable, ThePValueIsThePairedTestOverUsers) {
  const RunTable table =
      make_table({seed({0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0}, {1, 1, 0, 1, 1, 0})}, top_k_table_metrics({1}), 1);
  // Differences 1 1 0 0 1 0: mean .5, deviation sqrt(.3), t = .5 / (sqrt(.3) / sqrt(6)) = 2.2361, 5 degrees of freedom: p = .0756.
  EXPECT_NEAR(table.improvements[0].over_users.t_test_p, 0.0756, 1e-3);
  EXPECT_GE(table.improvements[0].holm_p, table.improvements[0].over_users.t_test_p);
}

TEST(RunTable, ABaselineOfZeroGivesNoInfiniteImprovement) {
  const RunTable table = make_table({seed({0, 0}, {0, 0}, {1, 0})}, top_k_table_metrics({1}), 1);
  EXPECT_EQ(table.improvements[0].relative, 0);
}

TEST(RunTable, SeedsWithOtherUsersOrRowsAreRefused) {
  SeedRows other = seed({0, 1}, {0, 0}, {0, 1});
  other.users[1] = 7;
  EXPECT_THROW(make_table({seed({0, 1}, {0, 0}, {0, 1}), other}, top_k_table_metrics({1}), 1), InternalError);
  EXPECT_THROW(make_table({}, top_k_table_metrics({1}), 1), InternalError);
}

TEST(RunTable, TheTextShowsTheThreeRowsImprovementAndTests) {
  const std::string text =
      to_text(make_table({seed({1, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 1, 0})}, top_k_table_metrics({1}), 1), false);
  EXPECT_THAT(text, ::testing::HasSubstr("+50.00%"));
  EXPECT_THAT(text, ::testing::HasSubstr("0.7500"));
  EXPECT_THAT(text, ::testing::HasSubstr("p (t-test)"));
}

TEST(RunTable, OfErrorsTheLowerIsBetterAndRmseIsNoMeanOfUsers) {
  const auto errors = [](const std::string& name, std::vector<double> absolute) {
    SeedRow result{.name = name, .title = name};
    for (const double error : absolute) result.test["squared_error"].push_back(error * error);
    result.test["absolute_error"] = std::move(absolute);
    return result;
  };
  SeedRows first{.users = {0, 1}};
  first.rows = {errors("base", {3, 1}), errors("ift", {2, 2}), errors("llama4rec", {1, 1})};
  SeedRows second{.users = {0, 1}};
  second.rows = {errors("base", {1, 1}), errors("ift", {2, 2}), errors("llama4rec", {0, 2})};
  const RunTable table = make_table({first, second}, rating_table_metrics(), 1);
  EXPECT_NEAR(table.rows[0].mean.at("RMSE"), (std::sqrt(5.0) + 1) / 2, 1e-9) << "the mean of the seeds' RMSE";
  EXPECT_DOUBLE_EQ(table.rows[0].mean.at("MAE"), 1.5);
  ASSERT_EQ(table.improvements.size(), 2U);
  EXPECT_EQ(table.improvements[0].metric, "RMSE");
  EXPECT_EQ(table.improvements[0].baseline, "base") << "1.618 is lower than 2";
  const double method = (1 + std::sqrt(2.0)) / 2;
  EXPECT_NEAR(table.improvements[0].relative, (1.6180339887 - method) / 1.6180339887, 1e-9)
      << "fewer errors are a gain";
  EXPECT_LT(table.improvements[0].over_users.difference, 0) << "of squared errors, after - before";
  EXPECT_NEAR(table.improvements[1].relative, (1.5 - 1.0) / 1.5, 1e-9);
}

}  // namespace
}  // namespace llama4rec::pipeline
