#include "prompts/instruction_fold.h"

#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

Dataset many_users() {
  std::vector<std::vector<std::pair<ItemIndex, float>>> ratings(200);
  for (std::size_t user = 0; user < ratings.size(); ++user) {
    for (ItemIndex item = 0; item < static_cast<ItemIndex>(1 + user % 30); ++item)
      ratings[user].emplace_back(item, 5.F);
  }
  return llama4rec::testing::tiny_dataset(ratings, 30);
}

InteractionSet last_two(const Dataset& dataset) {
  InteractionSet held_out(dataset.size());
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    const auto begin = dataset.user_offsets[static_cast<std::size_t>(user)];
    const auto end = dataset.user_offsets[static_cast<std::size_t>(user) + 1];
    if (end - begin < 3) continue;
    held_out.insert(end - 1);
    held_out.insert(end - 2);
  }
  return held_out;
}

TEST(InstructionFold, TheTwoSidesOfTheCutPartitionWhatIsNotHeldOut) {
  const Dataset dataset = many_users();
  const InteractionSet held_out = last_two(dataset);
  const InstructionFold fold = draw_fold(dataset, held_out, {.held_back = 0.4, .minimum_history = 3}, 7);
  EXPECT_EQ(fold.before.first_common(fold.targets), -1);
  EXPECT_EQ(fold.allowed.first_common(held_out), -1);
  InteractionSet both = fold.before;
  both |= fold.targets;
  EXPECT_EQ(both, fold.allowed);
  EXPECT_EQ(fold.allowed.count() + held_out.count(), dataset.size());
}

TEST(InstructionFold, TargetsComeAfterWhatIsReadAndLeaveAHistory) {
  const Dataset dataset = many_users();
  const InstructionFold fold = draw_fold(dataset, last_two(dataset), {.held_back = 0.4, .minimum_history = 3}, 7);
  std::int64_t users_with_targets = 0;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    std::int64_t before = 0;
    std::int64_t targets = 0;
    for (auto i = dataset.user_offsets[static_cast<std::size_t>(user)];
         i < dataset.user_offsets[static_cast<std::size_t>(user) + 1]; ++i) {
      if (fold.before.contains(i)) {
        ++before;
        EXPECT_EQ(targets, 0) << "a read interaction follows a target of user " << user;
      }
      if (fold.targets.contains(i)) ++targets;
    }
    if (targets > 0) {
      EXPECT_GE(before, 3);
      ++users_with_targets;
    }
    EXPECT_LE(static_cast<double>(targets), 0.4 * static_cast<double>(before + targets) + 1);
  }
  EXPECT_GT(users_with_targets, 100);
}

TEST(InstructionFold, ASeedDecidesTheFold) {
  const Dataset dataset = many_users();
  const InteractionSet held_out = last_two(dataset);
  EXPECT_EQ(draw_fold(dataset, held_out, {}, 1).targets, draw_fold(dataset, held_out, {}, 1).targets);
  EXPECT_NE(draw_fold(dataset, held_out, {}, 1).targets, draw_fold(dataset, held_out, {}, 2).targets);
}

}  // namespace
}  // namespace llama4rec::prompts
