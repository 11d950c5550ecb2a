#include "evaluation/rankings_file.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec::evaluation {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RankingsFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path put(const std::string& bytes) {
    write_file_atomically(folder_ / "a.tsv", bytes);
    return folder_ / "a.tsv";
  }
  std::string rankings_error(const std::string& bytes) {
    return error_of([&] { read_rankings(put(bytes)); });
  }
  std::string predictions_error(const std::string& bytes) {
    return error_of([&] { read_predictions(put(bytes)); });
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
      std::filesystem::temp_directory_path() / ("rankings_file_test." + std::to_string(::getpid()) + "." +
                                                testing::UnitTest::GetInstance()->current_test_info()->name());
};

Dataset two_users() {
  Dataset dataset;
  dataset.user_ids = {"u 1", "ü2"};
  dataset.item_ids = {"a", "0195153448", "c"};
  return dataset;
}

TEST_F(RankingsFile, ReadsBackWhatWasWritten) {
  const auto file = folder_ / "r.tsv";
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<UserIndex> users{1, 0};
  const std::vector<RankedList> lists{{{2, 0}, {0.1F, -infinity}}, {{1}, {1e-30F}}};
  write_rankings(file, two_users(), users, lists);
  EXPECT_EQ(read_file(file), "user\titem\trank\tscore\nü2\tc\t1\t0.1\nü2\ta\t2\t-inf\nu 1\t0195153448\t1\t1e-30\n");
  const auto rankings = read_rankings(file);
  ASSERT_EQ(rankings.size(), 2U);
  EXPECT_EQ(rankings[0].user, "ü2");
  EXPECT_EQ(rankings[0].line, 2U);
  EXPECT_THAT(rankings[0].items, ElementsAre("c", "a"));
  EXPECT_EQ(static_cast<float>(rankings[0].scores[0]), 0.1F);
  EXPECT_EQ(rankings[0].scores[1], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(rankings[1].line, 4U);
  EXPECT_THAT(rankings[1].items, ElementsAre("0195153448"));
}

TEST_F(RankingsFile, ReadsBackPredictions) {
  const auto file = folder_ / "p.tsv";
  const std::vector<UserIndex> users{0, 1};
  const std::vector<ItemIndex> items{2, 2};
  const std::vector<float> predicted{3.25F, 4.1F};
  const std::vector<float> ratings{3, 5};
  write_predictions(file, two_users(), users, items, predicted, ratings);
  const auto rows = read_predictions(file);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].user, "ü2");
  EXPECT_EQ(rows[1].item, "c");
  EXPECT_EQ(static_cast<float>(rows[1].prediction), 4.1F);
  EXPECT_EQ(rows[1].rating, 5);
  EXPECT_EQ(rows[1].line, 3U);
}

TEST_F(RankingsFile, AcceptsWindowsLineEndsAndAMissingLastLineEnd) {
  const auto rankings = read_rankings(put("user\titem\trank\tscore\r\nu\ta\t1\t2\r\nu\tb\t2\t1"));
  ASSERT_EQ(rankings.size(), 1U);
  EXPECT_THAT(rankings[0].items, ElementsAre("a", "b"));
  EXPECT_TRUE(read_rankings(put("user\titem\trank\tscore\n")).empty());
}

TEST_F(RankingsFile, RefusesAnotherHeader) {
  EXPECT_THAT(rankings_error(""), AllOf(HasSubstr("a.tsv:1"), HasSubstr("user item rank score")));
  EXPECT_THAT(rankings_error("user item rank score\n"), HasSubstr("tab-separated"));
  EXPECT_THAT(rankings_error("user\titem\tprediction\trating\n"), HasSubstr("expected the header"));
  EXPECT_THAT(predictions_error("user\titem\trank\tscore\n"), HasSubstr("user item prediction rating"));
}

TEST_F(RankingsFile, RefusesRanksThatAreNotOneTwoThree) {
  const std::string header = "user\titem\trank\tscore\n";
  EXPECT_THAT(rankings_error(header + "u\ta\t0\t1\n"), AllOf(HasSubstr("a.tsv:2"), HasSubstr("expected 1")));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1\nu\tb\t3\t1\n"),
              AllOf(HasSubstr("a.tsv:3"), HasSubstr("expected 2")));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1\nu\tb\t1\t1\n"), HasSubstr("column 3 (rank)"));
  EXPECT_THAT(rankings_error(header + "u\ta\t1.0\t1\n"), HasSubstr("\"1.0\""));
  EXPECT_THAT(rankings_error(header + "u\ta\t-1\t1\n"), HasSubstr("expected 1"));
  EXPECT_THAT(rankings_error(header + "u\ta\t99999999999999999999999\t1\n"), HasSubstr("expected 1"));
}

TEST_F(RankingsFile, RefusesRepeatedItemsAndScatteredUsers) {
  const std::string header = "user\titem\trank\tscore\n";
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1\nu\ta\t2\t1\n"),
              AllOf(HasSubstr("a.tsv:3"), HasSubstr("second time"), HasSubstr("\"u\"")));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1\nv\ta\t1\t1\nu\tb\t2\t1\n"),
              AllOf(HasSubstr("a.tsv:4"), HasSubstr("after line 2")));
}

TEST_F(RankingsFile, RefusesBrokenRows) {
  const std::string header = "user\titem\trank\tscore\n";
  EXPECT_THAT(rankings_error(header + "u\ta\t1\n"), AllOf(HasSubstr("a.tsv:2"), HasSubstr("3 columns, expected 4")));
  EXPECT_THAT(rankings_error(header + "\n"), HasSubstr("1 columns"));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1\tx\n"), HasSubstr("5 columns"));
  EXPECT_THAT(rankings_error(header + "\ta\t1\t1\n"), HasSubstr("column 1 (user) is empty"));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\tnan\n"), HasSubstr("\"nan\", expected a number"));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t\n"), HasSubstr("column 4 (score)"));
  EXPECT_THAT(rankings_error(header + "u\ta\t1\t1,5\n"), HasSubstr("\"1,5\""));
  EXPECT_THAT(error_of([&] { read_rankings(folder_ / "absent.tsv"); }), HasSubstr("absent.tsv"));
}

TEST_F(RankingsFile, RefusesBrokenPredictions) {
  const std::string header = "user\titem\tprediction\trating\n";
  EXPECT_THAT(predictions_error(header + "u\ta\tinf\t1\n"), HasSubstr("finite number"));
  EXPECT_THAT(predictions_error(header + "u\ta\t3\tx\n"), HasSubstr("column 4 (rating)"));
  EXPECT_THAT(predictions_error(header + "u\ta\t3\t4\nv\ta\t3\t4\nu\ta\t3\t4\n"),
              AllOf(HasSubstr("a.tsv:4"), HasSubstr("line 2")));
}

TEST_F(RankingsFile, RefusesToWriteIdsThatWouldBreakTheFile) {
  auto dataset = two_users();
  dataset.item_ids[2] = "a\tb";
  const std::vector<UserIndex> users{0};
  const std::vector<RankedList> lists{{{2}, {1}}};
  EXPECT_THROW(write_rankings(folder_ / "r.tsv", dataset, users, lists), DataError);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "r.tsv"));
}

}  // namespace
}  // namespace llama4rec::evaluation
