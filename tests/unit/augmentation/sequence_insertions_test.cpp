#include "augmentation/sequence_insertions.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "support/tiny_dataset.h"

namespace llama4rec::augmentation {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

AugmentedUser user(UserIndex index, const std::vector<ItemIndex>& history, const std::vector<ItemIndex>& upper = {}) {
  return {.question = {.user = index, .history = history}, .upper = upper, .interacted = history};
}

/// Picks the item with the highest number; refuses to answer where the candidates hold item 13.
class HighestTitle final : public LanguageModel {
 public:
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    std::vector<Completion> answers;
    for (const auto& request : requests) {
      EXPECT_EQ(request.grammar.kind, AnswerKind::kPermutation);
      EXPECT_EQ(request.grammar.generate_first, 1);
      Completion answer;
      std::int64_t best = 0;
      for (std::size_t n = 0; n < request.grammar.options.size(); ++n) {
        const auto number = [&](std::size_t i) { return std::stoi(request.grammar.options[i].substr(6)); };
        if (number(n) > number(static_cast<std::size_t>(best))) best = static_cast<std::int64_t>(n);
        if (number(n) == 13) answer.outcome = AnswerOutcome::kFallback;
      }
      answer.order = {best};
      answers.push_back(answer);
    }
    return answers;
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string&) const override { return 1; }
  [[nodiscard]] std::int64_t context_length() const override { return 1000; }
  [[nodiscard]] std::string fingerprint() const override { return "highest"; }
};

TEST(SequenceInsertions, ListsHoldKnownItemsThatTheUserHasNot) {
  std::vector<bool> known(20, true);
  known[19] = false;
  const std::vector<AugmentedUser> users{user(0, {1, 2, 3}), user(1, {})};
  const auto lists = draw_lists(users, known, {.per_user = 3, .list_size = 5, .draw = "uniform"}, 7);
  ASSERT_EQ(lists.size(), 3U) << "nobody without a history";
  std::set<ItemIndex> all;
  for (const auto& list : lists) {
    EXPECT_EQ(list.items.size(), 5U);
    EXPECT_THAT(list.items, Each(Not(::testing::AnyOf(1, 2, 3, 19))));
    all.insert(list.items.begin(), list.items.end());
    EXPECT_GE(list.place, 0);
    EXPECT_LT(list.place, 3) << "never behind the last item";
  }
  EXPECT_EQ(all.size(), 15U) << "no item in two lists";
  EXPECT_EQ(draw_lists(users, known, {.per_user = 3, .list_size = 5, .draw = "uniform"}, 7)[1].items, lists[1].items);
  EXPECT_NE(draw_lists(users, known, {.per_user = 3, .list_size = 5, .draw = "uniform"}, 8)[1].items, lists[1].items);
}

TEST(SequenceInsertions, UpperRanksAloneWhereAskedFor) {
  const std::vector<AugmentedUser> users{user(0, {1, 2, 3}, {3, 5, 7, 9})};
  const auto lists =
      draw_lists(users, std::vector<bool>(20, true), {.per_user = 2, .list_size = 10, .draw = "upper"}, 7);
  ASSERT_EQ(lists.size(), 1U) << "nothing is left for a second list";
  EXPECT_THAT(lists[0].items, ::testing::UnorderedElementsAre(5, 7, 9));
}

TEST(SequenceInsertions, PlacesAndItemsAreUniform) {
  std::vector<AugmentedUser> users;
  for (UserIndex index = 0; index < 4000; ++index) users.push_back(user(index, {0, 1, 2, 3}));
  std::map<std::int64_t, int> places;
  std::map<ItemIndex, int> items;
  for (const auto& list :
       draw_lists(users, std::vector<bool>(12, true), {.per_user = 1, .list_size = 2, .draw = "uniform"}, 1)) {
    ++places[list.place];
    for (const ItemIndex item : list.items) ++items[item];
  }
  ASSERT_EQ(places.size(), 4U);
  for (const auto& [place, count] : places) EXPECT_NEAR(count, 1000, 5 * 27.4);  // five standard deviations
  ASSERT_EQ(items.size(), 8U);
  for (const auto& [item, count] : items) EXPECT_NEAR(count, 1000, 5 * 27.4);
}

TEST(SequenceInsertions, TheModelsFirstChoiceGoesInAndMissingAnswersAreCounted) {
  const Dataset dataset = testing::tiny_dataset({{{0, 5}, {1, 5}}, {{2, 5}, {3, 5}}}, 20);
  const prompts::ItemTexts texts(dataset);
  const prompts::Templates templates(texts, "compact");
  HighestTitle model;
  prompts::CaseWriter writer(
      texts, templates, {}, 1, [](const std::string&) { return 1; }, 1000);
  const std::vector<AugmentedUser> users{user(0, {0, 1}), user(1, {2, 3})};
  const std::vector<DrawnList> lists{{.user = 0, .items = {7, 11, 5}, .place = 1},
                                     {.user = 1, .items = {4, 13}, .place = 0}};
  InsertionAccount account;
  const auto insertions = choose_insertions(users, lists, model, writer, false, {}, account);
  ASSERT_EQ(insertions.size(), 1U);
  EXPECT_EQ(insertions[0].user, 0);
  EXPECT_EQ(insertions[0].item, 11);
  EXPECT_EQ(insertions[0].place, 1);
  EXPECT_EQ(account.asked, 2);
  EXPECT_EQ(account.kept, 1);
  EXPECT_EQ(account.unanswered, 1);
}

TEST(SequenceInsertions, ItemsStandBeforeTheirPlaces) {
  const auto histories = with_insertions({{1, 2, 3}, {4, 5}}, {{0, 9, 0}, {0, 8, 2}, {0, 7, 2}, {1, 6, 1}});
  EXPECT_THAT(histories[0], ElementsAre(9, 1, 2, 7, 8, 3));
  EXPECT_THAT(histories[1], ElementsAre(4, 6, 5));
  EXPECT_THROW(with_insertions({{1, 2}}, {{0, 9, 2}}), InternalError) << "behind the last item";
}

}  // namespace
}  // namespace llama4rec::augmentation
