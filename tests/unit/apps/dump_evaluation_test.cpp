#include "apps/dump_evaluation.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec::apps {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Three users with four or five positives each, in this order (train ... validation, test), and one with two (train only):
///   ann: i0 i1 i2 | i3 | i4     bob: i1 i5 | i0 | i9 (i9 occurs nowhere else)     cid: i4 i3 i2 | i1 | i0     dan: i0 i5
Dataset small_dataset() {
  Dataset dataset;
  dataset.name = "small";
  dataset.user_ids = {"ann", "bob", "cid", "dan"};
  for (int i = 0; i < 10; ++i) dataset.item_ids.push_back("i" + std::to_string(i));
  dataset.item_titles.resize(10);
  const std::vector<std::vector<ItemIndex>> histories{{0, 1, 2, 3, 4}, {1, 5, 0, 9}, {4, 3, 2, 1, 0}, {0, 5}};
  dataset.user_offsets.push_back(0);
  for (std::size_t user = 0; user < histories.size(); ++user) {
    for (std::size_t i = 0; i < histories[user].size(); ++i) {
      dataset.interactions.push_back({.user = static_cast<UserIndex>(user),
                                      .item = histories[user][i],
                                      .rating = static_cast<float>(1 + (user + i) % 5),
                                      .timestamp = static_cast<std::int64_t>(i)});
    }
    dataset.user_offsets.push_back(dataset.size());
  }
  return dataset;
}

class DumpEvaluationTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  DumpReference reference(data::Part part = data::Part::kTest) const {
    return {.dataset = dataset_, .split = split_, .part = part, .options = options_};
  }
  /// Evaluates lists written as "user: item item ...".
  DumpEvaluation rankings(const std::vector<std::pair<std::string, std::vector<std::string>>>& lists,
                          data::Part part = data::Part::kTest) {
    std::string bytes = "user\titem\trank\tscore\n";
    for (const auto& [user, items] : lists) {
      for (std::size_t i = 0; i < items.size(); ++i) {
        bytes += user + "\t" + items[i] + "\t" + std::to_string(i + 1) + "\t0\n";
      }
    }
    write_file_atomically(folder_ / "r.tsv", bytes);
    return evaluate_rankings(reference(part), folder_ / "r.tsv");
  }
  DumpEvaluation predictions(const std::string& rows) {
    write_file_atomically(folder_ / "p.tsv", "user\titem\tprediction\trating\n" + rows);
    return evaluate_predictions(reference(), folder_ / "p.tsv");
  }
  static std::string error_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("dump_evaluation_test." + std::to_string(::getpid()) + "." +
                                                testing::UnitTest::GetInstance()->current_test_info()->name());
  Dataset dataset_ = small_dataset();
  data::Split split_ = data::Split::leave_one_out(dataset_, data::Task::kDirect, 0);
  evaluation::EvaluationOptions options_{.cutoffs = {1, 2}};
};

// Training knows i0 to i5 without i9. Masked at test for ann: i0 to i3; bob: i0, i1, i5; cid: i1 to i4.
TEST_F(DumpEvaluationTest, JudgesListsAgainstTheTestItems) {
  const auto result = rankings({{"cid", {"i5", "i0"}}, {"ann", {"i4", "i5"}}, {"bob", {"i9", "i2"}}});
  EXPECT_EQ(result.users, 3);
  EXPECT_EQ(result.ignored, 0);
  EXPECT_DOUBLE_EQ(result.metrics.at("H@1"), 1.0 / 3);  // bob's i9 is a miss: training never saw it
  EXPECT_DOUBLE_EQ(result.metrics.at("H@2"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.metrics.at("N@2"), (1 + 1 / std::log2(3.0)) / 3);
  EXPECT_DOUBLE_EQ(result.metrics.at("MRR@2"), 0.5);
  EXPECT_EQ(result.metric_names.front(), "H@1");
  EXPECT_EQ(result.metric_names.size(), 8U);
}

TEST_F(DumpEvaluationTest, CanLeaveOutUsersWhoseItemTrainingNeverSaw) {
  options_.users = "warm";
  const auto result = rankings({{"cid", {"i5", "i0"}}, {"ann", {"i4", "i5"}}, {"bob", {"i2", "i3"}}});
  EXPECT_EQ(result.users, 2);
  EXPECT_EQ(result.ignored, 1);
  EXPECT_DOUBLE_EQ(result.metrics.at("H@2"), 1);
  EXPECT_EQ(rankings({{"cid", {"i5", "i0"}}, {"ann", {"i4", "i5"}}}).users, 2);
}

TEST_F(DumpEvaluationTest, JudgesListsAgainstTheValidationItems) {
  const auto result = rankings({{"ann", {"i5", "i3"}}, {"bob", {"i0", "i2"}}, {"cid", {"i0", "i1"}}, {"dan", {"i1"}}},
                               data::Part::kValidation);
  EXPECT_EQ(result.users, 3);
  EXPECT_EQ(result.ignored, 1);  // dan has too few interactions for a target
  EXPECT_DOUBLE_EQ(result.metrics.at("H@1"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(result.metrics.at("H@2"), 1);
}

TEST_F(DumpEvaluationTest, GroupsByTheTrainingInteractionsOfUsersAndOfTargets) {
  const auto result = rankings({{"ann", {"i4", "i5"}}, {"bob", {"i2", "i3"}}, {"cid", {"i0", "i5"}}});
  // Users: bob 2, ann and cid 3. Targets: i9 0, i4 1, i0 2.
  ASSERT_EQ(result.segments.size(), 5U);
  EXPECT_EQ(result.segments[0].grouping, "users");
  EXPECT_EQ(result.segments[0].size, 1);
  EXPECT_EQ(result.segments[0].maximum_count, 2);
  EXPECT_DOUBLE_EQ(result.segments[0].metrics.at("H@1"), 0);
  EXPECT_EQ(result.segments[1].minimum_count, 3);
  EXPECT_DOUBLE_EQ(result.segments[1].metrics.at("H@1"), 1);
  EXPECT_EQ(result.segments[2].grouping, "items");
  EXPECT_EQ(result.segments[2].maximum_count, 0);
  EXPECT_DOUBLE_EQ(result.segments[2].metrics.at("H@1"), 0);
  EXPECT_EQ(result.segments[4].minimum_count, 2);
}

TEST_F(DumpEvaluationTest, RefusesItemsThatTheTextbookProtocolMasks) {
  const auto train = error_of([&] { rankings({{"ann", {"i4", "i1"}}}); });
  EXPECT_THAT(train, AllOf(HasSubstr("r.tsv:3"), HasSubstr("\"i1\" is in the train part of user \"ann\"")));
  EXPECT_THAT(error_of([&] { rankings({{"ann", {"i3", "i4"}}}); }), HasSubstr("validation part"));
}

TEST_F(DumpEvaluationTest, MasksUnderTheSelfrecProtocolOnlyTrainItemsAndOnlyOfTheDirectTask) {
  options_.protocol = "selfrec";
  const std::vector<std::pair<std::string, std::vector<std::string>>> lists{
      {"ann", {"i3", "i4"}}, {"bob", {"i0", "i2"}}, {"cid", {"i1", "i0"}}};
  EXPECT_DOUBLE_EQ(rankings(lists).metrics.at("H@2"), 2.0 / 3);
  EXPECT_THAT(error_of([&] { rankings({{"ann", {"i1", "i4"}}}); }), HasSubstr("train part"));
  split_ = data::Split::leave_one_out(dataset_, data::Task::kSequential, 0);
  EXPECT_DOUBLE_EQ(rankings({{"ann", {"i1", "i4"}}, {"bob", {"i1", "i0"}}, {"cid", {"i0", "i1"}}}).metrics.at("H@2"),
                   2.0 / 3);
}

TEST_F(DumpEvaluationTest, RefusesUnknownIdsMissingUsersAndShortLists) {
  EXPECT_THAT(error_of([&] { rankings({{"eve", {"i1"}}}); }), AllOf(HasSubstr("r.tsv:2"), HasSubstr("user \"eve\"")));
  EXPECT_THAT(error_of([&] { rankings({{"ann", {"i4", "i77"}}}); }), AllOf(HasSubstr("r.tsv:3"), HasSubstr("\"i77\"")));
  EXPECT_THAT(error_of([&] {
                rankings({{"ann", {"i4", "i5"}}});
              }),
              AllOf(HasSubstr("\"bob\""), HasSubstr("never saw"), HasSubstr("--users warm")));
  EXPECT_THAT(error_of([&] { rankings({{"ann", {"i4"}}}); }), HasSubstr("has 1 ranked items, expected 2"));
}

TEST_F(DumpEvaluationTest, AcceptsListsThatEndWithTheRankableItems) {
  options_.cutoffs = {10};
  // ann can be recommended i4 and i5, bob i2, i3, i4, cid i0 and i5.
  const auto result = rankings({{"ann", {"i4", "i5"}}, {"bob", {"i2", "i3", "i4"}}, {"cid", {"i5", "i0"}}});
  EXPECT_DOUBLE_EQ(result.metrics.at("MRR@10"), 0.5);
  EXPECT_THAT(error_of([&] { rankings({{"bob", {"i2", "i3"}}}); }), HasSubstr("expected 3"));
}

TEST_F(DumpEvaluationTest, GivesTheErrorsOfPredictions) {
  split_ = data::Split::leave_one_out(dataset_, data::Task::kRating, 0);
  // Ratings of the test items: ann 5, bob (1 + 3) % 5 + 1 = 5, cid (2 + 4) % 5 + 1 = 2.
  const auto result = predictions("ann\ti4\t4.5\t5\ncid\ti0\t4\t2\nbob\ti9\t5\t5\n");
  EXPECT_EQ(result.users, 3);
  EXPECT_DOUBLE_EQ(result.metrics.at("RMSE"), std::sqrt(4.25 / 3));
  EXPECT_DOUBLE_EQ(result.metrics.at("MAE"), 2.5 / 3);
  EXPECT_DOUBLE_EQ(result.segments[0].metrics.at("RMSE"), 0);  // bob, the shortest history
  options_.users = "warm";
  EXPECT_EQ(predictions("ann\ti4\t4.5\t5\ncid\ti0\t4\t2\nbob\ti9\t5\t5\n").users, 2);
}

TEST_F(DumpEvaluationTest, RefusesPredictionsOfOtherPairs) {
  split_ = data::Split::leave_one_out(dataset_, data::Task::kRating, 0);
  EXPECT_THAT(error_of([&] { predictions("ann\ti3\t4\t4\n"); }),
              AllOf(HasSubstr("p.tsv:2"), HasSubstr("expected \"i4\"")));
  EXPECT_THAT(error_of([&] { predictions("ann\ti4\t4\t3\n"); }), HasSubstr("the data set has 5"));
  EXPECT_THAT(error_of([&] { predictions("ann\ti4\t4\t5\n"); }), HasSubstr("no prediction of user \"bob\""));
  EXPECT_THAT(error_of([&] { predictions("ann\ti4\t1e300\t5\n"); }), HasSubstr("out of range"));
}

}  // namespace
}  // namespace llama4rec::apps
