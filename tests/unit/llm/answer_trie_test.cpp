#include "llm/answer_trie.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "llm/prompt_plan.h"
#include "llm/token_tree.h"

namespace llama4rec::llm {
namespace {

using ::testing::ElementsAre;
using Sequences = std::vector<std::vector<Token>>;

constexpr Token kEnd = 2;
constexpr Token kSeparator = 9;

/// All token strings that the walk can produce, with the order that it reports for each.
void enumerate(const PermutationWalk& walk, std::vector<Token>& written,
               std::vector<std::pair<std::vector<Token>, std::vector<std::int64_t>>>& results) {
  if (walk.done()) {
    results.emplace_back(written, walk.order());
    return;
  }
  const auto allowed = walk.allowed();
  ASSERT_FALSE(allowed.empty()) << "a walk that is not done must be able to go on";
  for (const auto token : allowed) {
    auto next = walk;
    next.advance(token);
    written.push_back(token);
    enumerate(next, written, results);
    written.pop_back();
  }
}

TEST(PermutationWalk, ProducesEveryPermutationWrittenOutExactly) {
  const Sequences options{{10, 11}, {10, 12, 13}, {14}};
  std::vector<Token> written;
  std::vector<std::pair<std::vector<Token>, std::vector<std::int64_t>>> results;
  enumerate(PermutationWalk(options, {kSeparator}, kEnd, 3), written, results);
  ASSERT_EQ(results.size(), 6U);
  std::set<std::vector<std::int64_t>> orders;
  for (const auto& [tokens, order] : results) {
    orders.insert(order);
    std::vector<Token> expected;
    for (const auto option : order) {
      const auto& sequence = options[static_cast<std::size_t>(option)];
      expected.insert(expected.end(), sequence.begin(), sequence.end());
      expected.push_back(option == order.back() ? kEnd : kSeparator);
    }
    EXPECT_EQ(tokens, expected);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(PermutationWalk, TellsAnOptionFromALongerOneThatBeginsWithIt) {
  const Sequences options{{10}, {10, 11}, {10, 11, 12}};
  std::vector<Token> written;
  std::vector<std::pair<std::vector<Token>, std::vector<std::int64_t>>> results;
  enumerate(PermutationWalk(options, {kSeparator}, kEnd, 3), written, results);
  std::set<std::vector<std::int64_t>> orders;
  for (const auto& [tokens, order] : results) orders.insert(order);
  EXPECT_EQ(orders.size(), 6U);
}

TEST(PermutationWalk, StaysAPermutationWhereOptionsContainTheSeparatorOrAreEqual) {
  // Option 1 reads like "option 0; option 2"; options 3 and 4 are the same tokens.
  const Sequences options{{10}, {10, kSeparator, 11}, {11}, {12}, {12}};
  std::vector<Token> written;
  std::vector<std::pair<std::vector<Token>, std::vector<std::int64_t>>> results;
  enumerate(PermutationWalk(options, {kSeparator}, kEnd, 5), written, results);
  bool long_one_first = false;
  for (const auto& [tokens, order] : results) {
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_THAT(sorted, ElementsAre(0, 1, 2, 3, 4));
    long_one_first = long_one_first || order.front() == 1;
    EXPECT_LT(std::find(order.begin(), order.end(), 3), std::find(order.begin(), order.end(), 4));
  }
  EXPECT_FALSE(results.empty());
  // "10 ; 11" is read as two options while both are open (documented), as one once they are not.
  EXPECT_FALSE(long_one_first);
}

TEST(PermutationWalk, RandomWalksOverRandomOptionsAlwaysEndInAPermutation) {
  RandomStream random(8, "walks");
  for (int round = 0; round < 2000; ++round) {
    Sequences options(1 + random.below(6));
    for (auto& option : options) {
      option.resize(1 + random.below(4));
      for (auto& token : option) token = static_cast<Token>(kSeparator + random.below(3));
    }
    std::vector<Token> separator(random.below(3), kSeparator);
    PermutationWalk walk(options, separator, kEnd, static_cast<std::int64_t>(options.size()));
    for (int step = 0; !walk.done(); ++step) {
      ASSERT_LT(step, 100);
      const auto allowed = walk.allowed();
      ASSERT_FALSE(allowed.empty());
      walk.advance(allowed[random.below(allowed.size())]);
    }
    auto order = walk.order();
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<std::int64_t>(i));
    ASSERT_EQ(order.size(), options.size());
  }
}

TEST(PermutationWalk, StopsAfterAsManyOptionsAsAskedFor) {
  const Sequences options{{10}, {11}, {12}, {13}};
  PermutationWalk walk(options, {kSeparator}, kEnd, 2);
  for (const Token token : {12, 9, 10, 9}) walk.advance(token);
  EXPECT_TRUE(walk.done());
  EXPECT_THAT(walk.order(), ElementsAre(2, 0));
}

TEST(PermutationWalk, ForcesEverythingWhereOneOptionIsLeft) {
  PermutationWalk walk(Sequences{{10, 11}}, {kSeparator}, kEnd, 1);
  for (const Token expected : {10, 11, kEnd}) {
    ASSERT_THAT(walk.allowed(), ElementsAre(expected));
    walk.advance(expected);
  }
  EXPECT_TRUE(walk.done());
}

TEST(TokenTree, SharesBeginningsOfNeighboursAndKnowsEveryTokensAncestors) {
  TokenTree tree;
  const std::vector<std::vector<Token>> paths{{1, 5, 6, 7}, {1, 5, 6, 8, 9}, {1, 5}, {1, 4}, {1, 4, 4}};
  std::vector<std::vector<std::int64_t>> slots;
  for (const auto& path : paths) slots.push_back(tree.add_path(path));
  EXPECT_EQ(tree.size(), 8);
  const auto ends = tree.subtree_ends();
  for (std::size_t p = 0; p < paths.size(); ++p) {
    for (std::size_t depth = 0; depth < paths[p].size(); ++depth) {
      const auto slot = slots[p][depth];
      EXPECT_EQ(tree.tokens()[static_cast<std::size_t>(slot)], paths[p][depth]);
      EXPECT_EQ(tree.depths()[static_cast<std::size_t>(slot)], static_cast<std::int32_t>(depth));
      std::vector<std::int64_t> visible;
      for (std::int64_t key = 0; key <= slot; ++key) {
        if (ends[static_cast<std::size_t>(key)] > slot) visible.push_back(key);
      }
      EXPECT_EQ(visible, std::vector<std::int64_t>(slots[p].begin(), slots[p].begin() + static_cast<long>(depth) + 1));
    }
  }
}

PlannedPrompt prompt_of(std::int64_t shared, Token user, std::int64_t own, Token question) {
  PlannedPrompt prompt;
  prompt.tokens.assign(static_cast<std::size_t>(shared), user);
  prompt.tokens.insert(prompt.tokens.end(), static_cast<std::size_t>(own), question);
  return prompt;
}

TEST(PromptPlan, GroupsTheQuestionsOfAUserAndSeparatesUsers) {
  std::vector<PlannedPrompt> prompts;
  for (Token user = 0; user < 3; ++user) {
    for (Token question = 0; question < 4; ++question) prompts.push_back(prompt_of(300, 10 + user, 20, 50 + question));
  }
  const auto groups = plan_prompts(prompts);
  ASSERT_EQ(groups.size(), 3U);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].first, static_cast<std::int64_t>(4 * i));
    EXPECT_EQ(groups[i].count, 4);
    EXPECT_EQ(groups[i].slots, 300 + 4 * 20);
  }
}

TEST(PromptPlan, CoversEveryRequestOnceAndCutsLongRows) {
  std::vector<PlannedPrompt> prompts;
  for (Token question = 0; question < 200; ++question) prompts.push_back(prompt_of(50, 1, 100, 10 + question));
  std::int64_t next = 0;
  for (const auto& group : plan_prompts(prompts)) {
    EXPECT_EQ(group.first, next);
    next += group.count;
    EXPECT_LT(group.slots, 2000);
  }
  EXPECT_EQ(next, 200);
  EXPECT_TRUE(plan_prompts({}).empty());
}

}  // namespace
}  // namespace llama4rec::llm
