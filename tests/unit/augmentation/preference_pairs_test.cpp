#include "augmentation/preference_pairs.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::augmentation {
namespace {

/// Prefers by a rule over the titles; counts what it was asked.
class RuleModel : public LanguageModel {
 public:
  explicit RuleModel(std::function<bool(const std::string& first, const std::string& second)> prefers_first)
      : prefers_first_(std::move(prefers_first)) {}
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    std::vector<Completion> answers;
    for (const auto& request : requests) {
      const bool first = prefers_first_(request.grammar.options.at(0), request.grammar.options.at(1));
      answers.push_back({.order = first ? std::vector<std::int64_t>{0, 1} : std::vector<std::int64_t>{1, 0}});
    }
    if (fails_at >= 0) {
      answers.at(static_cast<std::size_t>(fails_at)) = {.order = {0, 1}, .outcome = AnswerOutcome::kFallback};
    }
    return answers;
  }
  std::int64_t count_tokens(const std::string&) const override { return 1; }
  std::int64_t context_length() const override { return 1000; }
  std::string fingerprint() const override { return "rule"; }

  int fails_at = -1;  ///< the answer that falls back

 private:
  std::function<bool(const std::string&, const std::string&)> prefers_first_;
};

class PreferencePairs : public ::testing::Test {
 protected:
  std::vector<AugmentedUser> users() const {
    return {{.question = {.user = 0, .history = {0, 1}}, .upper = {2, 3, 4}, .interacted = {0, 1}},
            {.question = {.user = 1, .history = {5}}, .upper = {4}, .interacted = {5}}};
  }
  std::vector<PreferencePair> order(RuleModel model, const std::vector<DrawnPair>& pairs, PairAccount& account) {
    prompts::CaseWriter writer(
        texts_, templates_, {}, 1, [](const std::string&) { return 1; }, 1000);
    return order_pairs(users(), pairs, model, writer, false, {.per_user = 5, .draw = "uniform", .both_orders = true},
                       {}, account);
  }

  Dataset dataset_ = llama4rec::testing::tiny_dataset({}, 8);
  prompts::ItemTexts texts_{dataset_};
  prompts::Templates templates_{texts_, "compact"};
  std::vector<bool> known_ = {true, true, true, true, true, true, true, false};
};

TEST_F(PreferencePairs, DrawnItemsAreKnownDistinctAndNotInteractedWith) {
  for (const std::string draw : {"uniform", "upper", "top"}) {
    const auto pairs = draw_pairs(users(), known_, {.per_user = 3, .draw = draw}, 1);
    ASSERT_EQ(pairs.size(), 6U);
    for (const auto& pair : pairs) {
      EXPECT_NE(pair.first, pair.second);
      for (const ItemIndex item : {pair.first, pair.second}) {
        EXPECT_NE(item, 7);
        const auto interacted = users()[pair.user].interacted;
        EXPECT_EQ(std::count(interacted.begin(), interacted.end(), item), 0);
      }
      const auto is_upper = [&](ItemIndex item) { return item >= 2 && item <= 4; };
      if (pair.user == 0) {
        EXPECT_TRUE(draw == "uniform" || is_upper(pair.first));
        EXPECT_TRUE(draw != "top" || is_upper(pair.second));
      }
    }
  }
}

TEST_F(PreferencePairs, NoPairIsDrawnTwiceInEitherOrder) {
  // The first user has 5 free known items, so 10 pairs; 3 upper ranks, so 3 pairs of those.
  for (const auto& [draw, most] : {std::pair{"uniform", 10U}, {"top", 3U}}) {
    std::set<std::pair<ItemIndex, ItemIndex>> pairs;
    std::size_t drawn = 0;
    for (const auto& pair : draw_pairs(users(), known_, {.per_user = 200, .draw = draw}, 1)) {
      if (pair.user != 0) continue;
      ++drawn;
      pairs.insert(std::minmax(pair.first, pair.second));
    }
    EXPECT_EQ(drawn, most) << draw;
    EXPECT_EQ(pairs.size(), most) << draw;
  }
}

TEST_F(PreferencePairs, WithFewerThanTwoUpperRanksTheSecondItemIsUniform) {
  std::set<ItemIndex> seconds;
  for (const auto& pair : draw_pairs(users(), known_, {.per_user = 5, .draw = "top"}, 1)) {
    if (pair.user != 1) continue;
    EXPECT_EQ(pair.first, 4);
    seconds.insert(pair.second);
  }
  EXPECT_EQ(seconds, (std::set<ItemIndex>{0, 1, 2, 3, 6}));
}

TEST_F(PreferencePairs, EveryUnInteractedItemCanBeDrawnAndTheSeedDecides) {
  const PairOptions options{.per_user = 10, .draw = "uniform", .both_orders = true};
  std::set<ItemIndex> drawn;
  for (const auto& pair : draw_pairs(users(), known_, options, 1)) {
    if (pair.user == 0) drawn.insert({pair.first, pair.second});
  }
  EXPECT_EQ(drawn, (std::set<ItemIndex>{2, 3, 4, 5, 6}));
  const auto firsts = [&](std::uint64_t seed) {
    std::vector<ItemIndex> items;
    for (const auto& pair : draw_pairs(users(), known_, options, seed)) items.push_back(pair.first);
    return items;
  };
  EXPECT_EQ(firsts(1), firsts(1));
  EXPECT_NE(firsts(1), firsts(2));
}

TEST_F(PreferencePairs, AUserWithFewerThanTwoFreeItemsGetsNoPair) {
  EXPECT_TRUE(draw_pairs({{.question = {.user = 0}, .interacted = {0, 1, 2, 3, 4, 5}}}, known_, {}, 1).empty());
}

TEST_F(PreferencePairs, TheModelsPreferenceBecomesThePair) {
  PairAccount account;
  const auto pairs =
      order(RuleModel([](const auto& a, const auto& b) { return a > b; }), {{0, 2, 6}, {1, 4, 3}}, account);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].user, 0);
  EXPECT_EQ(pairs[0].preferred, 6);
  EXPECT_EQ(pairs[0].other, 2);
  EXPECT_EQ(pairs[1].user, 1);
  EXPECT_EQ(pairs[1].preferred, 4);
  EXPECT_EQ(account.asked, 2);
  EXPECT_EQ(account.kept, 2);
  EXPECT_DOUBLE_EQ(account.first_shown_preferred, 0.5);
}

TEST_F(PreferencePairs, AnAnswerThatFollowsThePlaceAndNotTheItemIsDropped) {
  PairAccount account;
  const auto pairs = order(RuleModel([](const auto&, const auto&) { return true; }), {{0, 2, 6}, {1, 4, 3}}, account);
  EXPECT_TRUE(pairs.empty());
  EXPECT_EQ(account.disagreed, 2);
  EXPECT_DOUBLE_EQ(account.first_shown_preferred, 1.0);
}

TEST_F(PreferencePairs, APairWithoutAnAnswerIsLeftOutAndCounted) {
  PairAccount account;
  RuleModel model([](const auto& a, const auto& b) { return a > b; });
  model.fails_at = 1;  // the first pair in its second order of presentation
  const auto pairs = order(model, {{0, 2, 6}, {1, 4, 3}}, account);
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].user, 1);
  EXPECT_EQ(account.unanswered, 1);
  EXPECT_EQ(account.disagreed, 0);
  EXPECT_DOUBLE_EQ(account.first_shown_preferred, 0.5) << "of the answers that there are";
}

}  // namespace
}  // namespace llama4rec::augmentation
