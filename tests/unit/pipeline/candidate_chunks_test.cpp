#include "pipeline/candidate_chunks.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::ElementsAre;

TEST(CandidateChunks, AreDealtInTurn) {
  EXPECT_THAT(deal_chunks(5, 2), ElementsAre(CandidateOrder{0, 3}, CandidateOrder{1, 4}, CandidateOrder{2}));
  EXPECT_THAT(deal_chunks(4, 2), ElementsAre(CandidateOrder{0, 2}, CandidateOrder{1, 3}));
  EXPECT_THAT(deal_chunks(3, 10), ElementsAre(CandidateOrder{0, 1, 2}));
  EXPECT_THAT(deal_chunks(0, 10), ElementsAre(CandidateOrder{}));
}

TEST(CandidateChunks, MergeByPlaceThenByTheBackbone) {
  // The language model prefers 3 to 0, 1 to 4.
  EXPECT_THAT(merge_by_place(deal_chunks(5, 2), {{1, 0}, {0, 1}, {0}}), ElementsAre(1, 2, 3, 0, 4));
  // In one chunk the order is the answer.
  EXPECT_THAT(merge_by_place(deal_chunks(3, 5), {{2, 0, 1}}), ElementsAre(2, 0, 1));
  for (const std::int64_t count : {1, 10, 11, 20, 50, 99, 100}) {
    const auto chunks = deal_chunks(count, 10);
    std::vector<CandidateOrder> orders;
    for (const auto& chunk : chunks) {
      CandidateOrder order(chunk.size());
      std::iota(order.rbegin(), order.rend(), 0);
      orders.push_back(order);
    }
    auto merged = merge_by_place(chunks, orders);
    std::sort(merged.begin(), merged.end());
    for (std::int64_t n = 0; n < count; ++n) EXPECT_EQ(merged.at(static_cast<std::size_t>(n)), n);
  }
}

TEST(CandidateChunks, AreCasesOfTheirCandidatesAlone) {
  const prompts::RankingCase question{.user = 3, .history = {0, 1}, .ranked = {4, 5, 6, 7, 8}};
  const auto chunk = chunk_of(question, deal_chunks(5, 2).front());
  EXPECT_THAT(chunk.ranked, ElementsAre(4, 7));
  EXPECT_EQ(chunk.user, 3);
  EXPECT_THAT(chunk.history, ElementsAre(0, 1));
}

/// Orders titles by their number, highest first.
class HighestFirst final : public LanguageModel {
 public:
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    std::vector<Completion> answers;
    asked += requests.size();
    for (const auto& request : requests) {
      one_place_only = one_place_only && request.grammar.generate_first == 1;
      largest = std::max(largest, request.grammar.options.size());
      Completion answer;
      const auto number = [&](std::int64_t n) {
        return std::stoi(request.grammar.options[static_cast<std::size_t>(n)].substr(6));
      };
      answer.order.resize(request.grammar.options.size());
      std::iota(answer.order.begin(), answer.order.end(), 0);
      double sum = 0;
      for (const auto n : answer.order) sum += std::exp(-number(n));
      for (const auto n : answer.order) {
        answer.option_sequence_log_probabilities.push_back(-number(n));
        answer.option_log_probabilities.push_back(-number(n) - std::log(sum));
      }
      std::sort(answer.order.begin(), answer.order.end(), [&](auto a, auto b) { return number(a) > number(b); });
      answers.push_back(answer);
    }
    return answers;
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string&) const override { return 1; }
  [[nodiscard]] std::int64_t context_length() const override { return 1000; }
  [[nodiscard]] std::string fingerprint() const override { return "highest"; }
  std::size_t largest = 0;
  std::size_t asked = 0;
  bool one_place_only = true;  ///< no request asked for a whole order
  OptionProbabilities told = OptionProbabilities::kAll;
  [[nodiscard]] OptionProbabilities option_probabilities() const override { return told; }
};

TEST(CandidateChunks, OfAPhaseAreAskedApartAndMerged) {
  const auto setup =
      testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5.0F}, {1, 5.0F}, {2, 5.0F}, {3, 5.0F}}}, 12), {});
  PhaseCases cases;
  cases.ranking.push_back({.user = 0, .history = {0, 1}, .ranked = {4, 5, 6, 7, 8}});
  cases.ranking.push_back({.user = 0, .history = {0, 1}, .ranked = {9}});
  HighestFirst model;
  prompts::CaseWriter writer(
      setup->texts, setup->templates, setup->prompts, 1, [](const std::string&) { return 1; }, 1000);
  const auto in_chunks = [&](std::int64_t size, const std::string& merge) {
    prompts::PromptOptions options;
    options.chunk = size;
    options.merge = merge;
    return rank_with_language_model(cases, model, writer, setup->texts, false, options, "test");
  };
  const auto ranking = in_chunks(2, "place");
  EXPECT_EQ(model.largest, 2U);
  EXPECT_EQ(ranking.prompts, 2) << "one candidate alone is not asked about";
  // Chunks 4 7, 5 8, 6: the higher of each, then the lower.
  EXPECT_THAT(ranking.orders.at("listwise")[0], ElementsAre(2, 3, 4, 0, 1));
  EXPECT_THAT(ranking.orders.at("first")[0], ElementsAre(0, 1, 2, 3, 4)) << "the lower one is likelier to stand first";
  EXPECT_THAT(ranking.orders.at("listwise")[1], ElementsAre(0));
  EXPECT_TRUE(ranking.log_probabilities[0].empty()) << "one candidate was not asked about";
  const auto pair = in_chunks(3, "place");
  EXPECT_THAT(pair.log_probabilities[0], ElementsAre(-4, -5, -6, -7, -8)) << "by candidate, whatever its chunk";
  EXPECT_THAT(ranking_from_json(to_json(pair)).log_probabilities, pair.log_probabilities);
  const auto whole = in_chunks(10, "place");
  EXPECT_THAT(whole.orders.at("listwise")[0], ElementsAre(4, 3, 2, 1, 0));
}

TEST(RankingMethods, AreAskedAsFarAsTheyAreNamed) {
  const auto setup =
      testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5.0F}, {1, 5.0F}, {2, 5.0F}, {3, 5.0F}}}, 12), {});
  PhaseCases cases;
  cases.ranking.push_back({.user = 0, .history = {0, 1}, .ranked = {6, 9, 5}});
  cases.rating.emplace_back();
  for (const ItemIndex item : cases.ranking[0].ranked) cases.rating[0].push_back({.user = 0, .item = item});
  prompts::CaseWriter writer(
      setup->texts, setup->templates, setup->prompts, 1, [](const std::string&) { return 1; }, 1000);
  HighestFirst model;
  const auto by = [&](std::vector<std::string> methods) {
    model = HighestFirst{};
    prompts::PromptOptions options;
    options.methods = std::move(methods);
    return rank_with_language_model(cases, model, writer, setup->texts, false, options, "test");
  };
  const auto listwise = by({"listwise"});
  EXPECT_THAT(listwise.orders, ::testing::ElementsAre(::testing::Key("listwise")));
  EXPECT_TRUE(listwise.log_probabilities.empty());
  const auto both = by({"first", "listwise"});
  EXPECT_EQ(model.asked, 1U);
  EXPECT_FALSE(model.one_place_only);
  const auto first = by({"first"});
  EXPECT_EQ(model.asked, 1U);
  EXPECT_TRUE(model.one_place_only) << "the rest of the order is not generated";
  EXPECT_THAT(first.orders, ::testing::ElementsAre(::testing::Key("first")));
  EXPECT_EQ(first.orders.at("first"), both.orders.at("first"));
  EXPECT_EQ(first.log_probabilities, both.log_probabilities);
  EXPECT_THROW(by({}), UsageError);
  // A model that tells no probabilities can do nothing but lists.
  prompts::PromptOptions options;
  options.methods = {"first", "pointwise"};
  model.told = OptionProbabilities::kNone;
  EXPECT_THROW(rank_with_language_model(cases, model, writer, setup->texts, false, options, "test"), UsageError);
  options.methods = {"first", "listwise"};
  EXPECT_THAT(rank_with_language_model(cases, model, writer, setup->texts, false, options, "test").orders,
              ::testing::ElementsAre(::testing::Key("listwise")));
}

TEST(CandidateChunks, AreMergedByProbabilityOnRequest) {
  const auto setup =
      testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5.0F}, {1, 5.0F}, {2, 5.0F}, {3, 5.0F}}}, 12), {});
  PhaseCases cases;
  cases.ranking.push_back({.user = 0, .history = {0, 1}, .ranked = {6, 9, 5, 8}});
  HighestFirst model;
  prompts::CaseWriter writer(
      setup->texts, setup->templates, setup->prompts, 1, [](const std::string&) { return 1; }, 1000);
  prompts::PromptOptions options;
  options.chunk = 2;
  // Chunks 6 5, 9 8: by place 5 and 8 in the backbone's order, then 6 and 9.
  const auto by_place = rank_with_language_model(cases, model, writer, setup->texts, false, options, "test");
  EXPECT_THAT(by_place.orders.at("first")[0], ElementsAre(2, 3, 0, 1));
  options.merge = "probability";
  const auto pooled = rank_with_language_model(cases, model, writer, setup->texts, false, options, "test");
  EXPECT_THAT(pooled.orders.at("first")[0], ElementsAre(2, 0, 3, 1));
  EXPECT_EQ(pooled.orders.at("listwise"), by_place.orders.at("listwise"));
}

}  // namespace
}  // namespace llama4rec::pipeline
