#include "prompts/instruction_sampling.h"

#include <array>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::prompts {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

InstructionOptions options(const std::string& sampling, std::int64_t most) {
  InstructionOptions result;
  result.sampling = sampling;
  result.most = most;
  return result;
}

/// `each` instructions of every user.
std::vector<Instruction> of_users(UserIndex users, int each = 1) {
  std::vector<Instruction> result;
  for (UserIndex user = 0; user < users; ++user) {
    for (int n = 0; n < each; ++n) {
      result.push_back({.kind = n == 0 ? InstructionKind::kRanking : InstructionKind::kRating, .user = user});
    }
  }
  return result;
}

TEST(DrawInstructions, KeepsSoManyInTheirOrderAndAllUsersAlike) {
  const std::vector<Instruction> all = of_users(1000);
  std::vector<Instruction> kept = all;
  draw_instructions(kept, options("uniform", 300), {}, 5);
  ASSERT_EQ(kept.size(), 300U);
  double sum = 0;
  for (std::size_t n = 0; n < kept.size(); ++n) {
    if (n > 0) {
      EXPECT_GT(kept[n].user, kept[n - 1].user);
    }
    sum += kept[n].user;
  }
  EXPECT_NEAR(sum / 300, 499.5, 5 * 14);  // standard error 288.7 * sqrt(.7 / 300)
  std::vector<Instruction> again = all;
  draw_instructions(again, options("uniform", 300), {}, 5);
  EXPECT_EQ(again.front().user, kept.front().user);
  EXPECT_EQ(again.back().user, kept.back().user);
}

TEST(DrawInstructions, AllAreKeptWhereMostIsZeroOrMoreThanThereAre) {
  const SampledUsers users{.interactions = {1, 2, 3}, .clusters = {0, 1, -1}};
  for (const std::string sampling : {"uniform", "importance", "clusters"}) {
    for (const std::int64_t most : {0, 3, 2000}) {
      std::vector<Instruction> all = of_users(3);
      draw_instructions(all, options(sampling, most), users, 5);
      ASSERT_EQ(all.size(), 3U) << sampling << " " << most;
      for (UserIndex user = 0; user < 3; ++user) EXPECT_EQ(all[static_cast<std::size_t>(user)].user, user);
    }
  }
}

TEST(DrawInstructions, ImportanceIsTheLogarithmOfOneMoreThanTheUsersInteractions) {
  // log(1 + n) of 1, 3, 7 and 15 interactions: 1, 2, 3 and 4 times log 2; one is kept.
  constexpr int kSeeds = 20000;
  const SampledUsers users{.interactions = {1, 3, 7, 15, 0}, .clusters = {}};
  std::array<double, 5> kept{};
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::vector<Instruction> all = of_users(5);
    draw_instructions(all, options("importance", 1), users, seed);
    kept.at(static_cast<std::size_t>(all.front().user)) += 1.0 / kSeeds;
  }
  for (std::size_t user = 0; user < 4; ++user) {
    const double expected = 0.1 * static_cast<double>(user + 1);
    EXPECT_NEAR(kept.at(user), expected, 5 * std::sqrt(expected * (1 - expected) / kSeeds)) << user;
  }
  EXPECT_EQ(kept[4], 0) << "without interactions";
}

TEST(DrawInstructions, ImportanceIsOfInstructionsSoThatUsersWithMoreOfThemGiveMore) {
  // User 0 has one instruction, user 1 has three, all of the same weight.
  constexpr int kSeeds = 20000;
  double of_first = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::vector<Instruction> all{{.user = 0}, {.user = 1}, {.user = 1}, {.user = 1}};
    draw_instructions(all, options("importance", 1), {.interactions = {5, 5}, .clusters = {}}, seed);
    if (all.front().user == 0) of_first += 1.0 / kSeeds;
  }
  EXPECT_NEAR(of_first, 0.25, 5 * std::sqrt(0.25 * 0.75 / kSeeds));
}

TEST(DrawInstructions, ClustersContributeAlikeAndUsersWithoutOneAreOneMore) {
  // Users 0 to 5 in a large cluster, 6 in one of its own, 7 in none; users beyond the list are in none as well.
  const SampledUsers users{.interactions = {}, .clusters = {0, 0, 0, 0, 0, 0, 1, -1}};
  std::vector<Instruction> kept = of_users(9, 2);
  const SamplingAccount account = draw_instructions(kept, options("clusters", 9), users, 3);
  ASSERT_EQ(kept.size(), 9U);
  EXPECT_EQ(account.clusters.at(0).available, 12);
  EXPECT_EQ(account.clusters.at(1).available, 2);
  EXPECT_EQ(account.clusters.at(-1).available, 4);
  EXPECT_EQ(account.clusters.at(1).kept, 2) << "all it has";
  EXPECT_EQ(account.clusters.at(0).kept + account.clusters.at(-1).kept, 7);
  EXPECT_EQ(std::min(account.clusters.at(0).kept, account.clusters.at(-1).kept), 3);
  for (std::size_t n = 1; n < kept.size(); ++n) EXPECT_GE(kept[n].user, kept[n - 1].user) << "in their order";
}

TEST(DrawInstructions, TheAccountCountsKindsUsersAndHistories) {
  // Two instructions of each of four users; by importance with weight zero of users 0 and 3, those of 1 and 2 stay.
  const SampledUsers users{.interactions = {0, 4, 9, 0}, .clusters = {}};
  std::vector<Instruction> kept = of_users(4, 2);
  kept.push_back({.kind = InstructionKind::kPair, .user = 2});
  const SamplingAccount account = draw_instructions(kept, options("importance", 5), users, 3);
  EXPECT_EQ(account.instructions.available, 9);
  EXPECT_EQ(account.instructions.kept, 5);
  EXPECT_EQ(account.users.available, 4);
  EXPECT_EQ(account.users.kept, 2);
  EXPECT_EQ(account.kinds.at(InstructionKind::kRanking).available, 4);
  EXPECT_EQ(account.kinds.at(InstructionKind::kRanking).kept, 2);
  EXPECT_EQ(account.kinds.at(InstructionKind::kPair).kept, 1);
  EXPECT_EQ(account.median_history, 9) << "of 4 4 9 9 9";
  EXPECT_EQ(sampling_note(account),
            "importance sampling kept 5 of 9 instructions of 2 of 4 users (2 ranking, 1 pair, 2 rating), "
            "median history 9");
  const auto json = to_json(account);
  EXPECT_EQ(json["users"]["kept"], 2);
  EXPECT_EQ(json["kinds"]["pair"]["available"], 1);
  EXPECT_FALSE(json.contains("clusters"));
}

TEST(DrawInstructions, TheMedianOfAnEvenNumberLiesBetween) {
  std::vector<Instruction> all = of_users(4);
  EXPECT_EQ(
      draw_instructions(all, options("uniform", 0), {.interactions = {10, 1, 4, 5}, .clusters = {}}, 1).median_history,
      4.5);
  std::vector<Instruction> none;
  EXPECT_EQ(draw_instructions(none, options("uniform", 3), {}, 1).median_history, 0);
}

TEST(DrawInstructions, TheNoteTellsHowEvenTheClustersAre) {
  const SampledUsers users{.interactions = {}, .clusters = {0, 0, 0, 1, -1}};
  std::vector<Instruction> kept = of_users(5);
  const SamplingAccount account = draw_instructions(kept, options("clusters", 4), users, 3);
  EXPECT_THAT(sampling_note(account), HasSubstr(", 1 to 2 from each of 2 clusters"));
  const auto json = to_json(account);
  EXPECT_EQ(json["clusters"]["0"]["kept"], 2);
  EXPECT_EQ(json["clusters"]["none"]["available"], 1);
}

TEST(SampledUsers, OthersClustersAreOtherClusters) {
  SampledUsers users{.interactions = {3, 0, 5}, .clusters = {1, 0, -1}};
  users.append({.interactions = {3, 2, 4}, .clusters = {-1, -1, 0}});
  EXPECT_THAT(users.interactions, ElementsAre(3, 2, 5));
  EXPECT_THAT(users.clusters, ElementsAre(1, 0, 2));
  SampledUsers without{.interactions = {1}, .clusters = {}};
  without.append({.interactions = {2}, .clusters = {}});
  EXPECT_THAT(without.clusters, IsEmpty());
  without.append({.interactions = {2, 1}, .clusters = {-1, 0}});
  EXPECT_THAT(without.clusters, ElementsAre(-1, 0));
}

TEST(CheckSampling, WhereAllAreKeptThereIsNothingToDecide) {
  EXPECT_NO_THROW(check_sampling(options("uniform", 0)));
  EXPECT_NO_THROW(check_sampling(options("importance", 1)));
  EXPECT_NO_THROW(check_sampling(options("clusters", 500)));
  for (const std::string sampling : {"importance", "clusters"}) {
    try {
      check_sampling(options(sampling, 0));
      FAIL() << "no error";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr("instructions.sampling: " + sampling), HasSubstr("instructions.most is 0")));
    }
  }
}

TEST(IdleSamplingOptions, AreThoseThatDecideNothing) {
  EXPECT_THAT(idle_sampling_options(options("uniform", 0)),
              ElementsAre("instructions.most", "instructions.sampling", "instructions.clusters"));
  EXPECT_THAT(idle_sampling_options(options("uniform", 5)),
              ElementsAre("instructions.sampling", "instructions.clusters"));
  EXPECT_THAT(idle_sampling_options(options("importance", 5)), ElementsAre("instructions.clusters"));
  EXPECT_THAT(idle_sampling_options(options("clusters", 5)), IsEmpty());
}

}  // namespace
}  // namespace llama4rec::prompts
