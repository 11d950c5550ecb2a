#include "pipeline/instruction_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/two_users.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::GivenRecommender;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A rating predictor that has nothing but embeddings.
class GivenPredictor final : public RatingPredictor {
 public:
  explicit GivenPredictor(torch::Tensor embeddings) : embeddings_(std::move(embeddings)) {}
  [[nodiscard]] std::string name() const override { return "given"; }
  FitSummary fit(const RatingTrainingData&, const FitHooks&) override { return {}; }
  [[nodiscard]] torch::Tensor predict(std::span<const UserIndex> users, std::span<const ItemIndex>) const override {
    return torch::zeros({static_cast<std::int64_t>(users.size())});
  }
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex>) const override { return embeddings_; }
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

 private:
  torch::Tensor embeddings_;
  Provenance provenance_;
};

/// A top-k recommender without embeddings, as popularity is.
class NoEmbeddings final : public TopKRecommender {
 public:
  [[nodiscard]] std::string name() const override { return "none"; }
  FitSummary fit(const TopKTrainingData&, const FitHooks&) override { return {}; }
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex>,
                                    std::span<const std::vector<ItemIndex>>) const override {
    return {};
  }
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex>,
                                              std::span<const std::vector<ItemIndex>>) const override {
    return {};
  }
  [[nodiscard]] const std::vector<bool>& known_items() const override { return known_; }
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

 private:
  std::vector<bool> known_;
  Provenance provenance_;
};

class InstructionUsers : public testing::TwoUsers {
 protected:
  GivenRecommender with(const std::vector<std::vector<float>>& embeddings, const InteractionSet& seen) const {
    return {std::vector<float>(testing::kItems, 0.0F), embeddings, seen};
  }
  void make_clusters(std::int64_t clusters) {
    make(
        {"instructions.sampling=clusters", "instructions.most=3", "instructions.clusters=" + std::to_string(clusters)});
  }
  std::vector<std::int64_t> clusters(const prompts::InstructionFold& fold, const TuningModels& models) const {
    return instruction_users(*setup_, fold, models, 1).clusters;
  }
};

TEST_F(InstructionUsers, InteractionsAreThoseThatNoTaskHoldsOut) {
  make();
  const auto cut = fold();
  const prompts::SampledUsers users = instruction_users(*setup_, cut, {}, 1);
  // Of user 0 the last two of seven are held out, of user 1 the last two of five.
  EXPECT_THAT(users.interactions, ElementsAre(5, 3));
  EXPECT_THAT(users.clusters, IsEmpty()) << "nobody asks for clusters, nor for embeddings";
}

TEST_F(InstructionUsers, AreClusteredByTheirEmbeddings) {
  make_clusters(2);
  const auto cut = fold();
  const GivenRecommender apart = with({{1, 0}, {1, 5}}, cut.before);
  const auto found = clusters(cut, {.direct = &apart});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0], found[1]);
  const GivenRecommender same = with({{1, 5}, {1, 5}}, cut.before);
  EXPECT_THAT(clusters(cut, {.direct = &same}), ElementsAre(0, 0));
  make_clusters(1);
  EXPECT_THAT(clusters(cut, {.direct = &apart}), ElementsAre(0, 0));
}

TEST_F(InstructionUsers, TheFirstModelWithEmbeddingsGivesThem) {
  make_clusters(2);
  const auto cut = fold();
  const NoEmbeddings none;
  const GivenRecommender same = with({{1, 5}, {1, 5}}, cut.before);
  const GivenRecommender apart = with({{1, 0}, {1, 5}}, cut.before);
  const GivenPredictor rating(torch::tensor({{1.0F}, {9.0F}}));
  const auto different = [&](const TuningModels& models) {
    const auto found = clusters(cut, models);
    return found.at(0) != found.at(1);
  };
  EXPECT_FALSE(different({.direct = &same, .sequential = &apart, .rating = &rating}));
  EXPECT_TRUE(different({.direct = &apart, .sequential = &same, .rating = &rating}));
  EXPECT_FALSE(different({.sequential = &same, .rating = &rating}));
  EXPECT_FALSE(different({.direct = &none, .sequential = &same, .rating = &rating}));
  EXPECT_TRUE(different({.direct = &none, .rating = &rating}));
  EXPECT_TRUE(different({.rating = &rating}));
}

TEST_F(InstructionUsers, WithoutEmbeddingsOfAnyModelTheyCannotBeClustered) {
  make_clusters(2);
  const auto cut = fold();
  const NoEmbeddings none;
  try {
    (void)instruction_users(*setup_, cut, {.direct = &none}, 1);
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("instructions.sampling"), HasSubstr("instructions.direct_backbone")));
  }
}

TEST_F(InstructionUsers, WhomTheModelDoesNotKnowOrWhoHasNoTargetsIsInNoCluster) {
  make_clusters(2);
  const auto cut = fold();
  const GivenRecommender apart = with({{1, 0}, {1, 5}}, cut.before);
  prompts::InstructionFold other = cut;
  for (InteractionIndex i = 0; i < 7; ++i) other.targets.erase(i);  // user 0's
  EXPECT_THAT(clusters(other, {.direct = &apart}), ElementsAre(-1, 0));
  other = cut;
  for (InteractionIndex i = 7; i < 12; ++i) other.before.erase(i);  // user 1's
  EXPECT_THAT(clusters(other, {.direct = &apart}), ElementsAre(0, -1));
  // User 0 with a rating of 2 alone before the cut: nothing liked, but something rated.
  other = cut;
  for (InteractionIndex i = 0; i < 7; ++i) other.before.erase(i);
  other.before.insert(3);
  EXPECT_THAT(clusters(other, {.direct = &apart}), ElementsAre(-1, 0));
  const GivenPredictor rating(torch::tensor({{1.0F}, {1.0F}}));
  EXPECT_THAT(clusters(other, {.rating = &rating}), ElementsAre(0, 0));
}

TEST_F(InstructionUsers, ComeWithTheCasesAndStayWithThemWhenCasesAreJoined) {
  make_clusters(2);
  const auto cut = fold();
  const GivenRecommender apart = with({{1, 0}, {1, 5}}, cut.before);
  prompts::InstructionFold first = cut;
  prompts::InstructionFold second = cut;
  for (InteractionIndex i = 0; i < 7; ++i) second.targets.erase(i);
  for (InteractionIndex i = 7; i < 12; ++i) first.targets.erase(i);
  TuningCases cases = tuning_cases(*setup_, guard(first), first, {.direct = &apart}, 1);
  EXPECT_THAT(cases.users.clusters, ElementsAre(0, -1));
  append(cases, tuning_cases(*setup_, guard(second), second, {.direct = &apart}, 1));
  EXPECT_THAT(cases.users.clusters, ElementsAre(0, 1)) << "not clustered together, so not in one cluster";
  EXPECT_THAT(cases.users.interactions, ElementsAre(5, 3));
}

}  // namespace
}  // namespace llama4rec::pipeline
