#include "pipeline/duel.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <unistd.h>

namespace llama4rec::pipeline {
namespace {

using ::testing::ElementsAre;

class DuelTest : public ::testing::Test {
 protected:
  ~DuelTest() override { std::filesystem::remove(file_); }
  void write(const std::string& text) { std::ofstream(file_) << text; }
  std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("llama4rec-duel-" + std::to_string(::getpid()) + ".tsv");
};

TEST_F(DuelTest, ReadsOneRowOfOneSeed) {
  write("seed\trow\tuser\tH@3\tN@3\n1\tbase\tu1\t1\t0.5\n1\tift\tu1\t0\t0\n2\tbase\tu1\t0\t0\n1\tbase\tu2\t0\t0\n");
  const auto values = read_per_user(file_, 1, "base");
  EXPECT_THAT(values.metrics, ElementsAre("H@3", "N@3"));
  EXPECT_THAT(values.by_user.at("u1"), ElementsAre(1, 0.5));
  EXPECT_EQ(values.by_user.size(), 2U);
  EXPECT_THROW(read_per_user(file_, 3, "base"), DataError);
  EXPECT_THROW(read_per_user(file_, 1, "llama4rec"), DataError);
  write("seed\trow\tuser\tH@3\n1\tbase\tu1\n");
  EXPECT_THROW(read_per_user(file_, 1, "base"), DataError);
  write("seed\trow\tuser\tH@3\n1\tbase\tu1\tx\n");
  EXPECT_THROW(read_per_user(file_, 1, "base"), DataError);
  write("something else\n");
  EXPECT_THROW(read_per_user(file_, 1, "base"), DataError);
}

TEST_F(DuelTest, CountsWhereTheItemCanBeFound) {
  const std::vector<std::string> metrics = {"H@1", "N@3"};
  const PerUserValues ours{.metrics = metrics,
                           .by_user = {{"a", {1, 1}}, {"b", {0, 0.5}}, {"c", {0, 0}}, {"d", {1, 1}}, {"e", {1, 1}}}};
  const PerUserValues other{.metrics = metrics,
                            .by_user = {{"a", {0, 0.5}}, {"b", {1, 1}}, {"c", {0, 0}}, {"d", {0, 0.6}}}};
  const PerUserValues reachable{.metrics = metrics,
                                .by_user = {{"a", {1, 1}}, {"b", {1, 1}}, {"c", {1, 1}}, {"d", {0, 0}}, {"e", {1, 1}}}};
  const auto duels = play_duels(ours, other, reachable, 100, 1);
  ASSERT_EQ(duels.size(), 2U);
  for (const auto& duel : duels) {
    EXPECT_EQ(duel.wins, 1) << duel.metric;
    EXPECT_EQ(duel.ties, 1);
    EXPECT_EQ(duel.losses, 1);
  }
  EXPECT_EQ(play_duels(ours, other, reachable, 2, 1)[0].tasks(), 2);
  EXPECT_EQ(play_duels(ours, other, reachable, 2, 1)[1].wins, play_duels(ours, other, reachable, 2, 1)[1].wins);
}

}  // namespace
}  // namespace llama4rec::pipeline
