#include "pipeline/run_cost.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

std::unique_ptr<RunSetup> cost_setup(std::vector<std::string> assignments) {
  return testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5}, {1, 5}, {2, 5}}}, 3), std::move(assignments));
}

TEST(RunCost, KnowsWhatAStageIsFor) {
  const auto setup = cost_setup({"run.backbone=mf", "instructions.direct_backbone=lightgcn"});
  const auto group = [&](const std::string& stage, const std::string& subject = "") {
    return to_string(cost_group(*setup, stage, subject));
  };
  EXPECT_EQ(group("base", "mf"), "Base");
  EXPECT_EQ(group("base", "lightgcn"), "instructions");
  EXPECT_EQ(group("base", "popularity"), "controls");
  EXPECT_EQ(group("out-of-fold", "lightgcn"), "instructions");
  EXPECT_EQ(group("rating-hints", "deepfm"), "instructions");
  EXPECT_EQ(group("pretrain"), "pre-training");
  EXPECT_EQ(group("tune-augmented-round-2"), "tuning");
  EXPECT_EQ(group("attributes"), "augmentation");
  EXPECT_EQ(group("augment-round-2"), "augmentation");
  EXPECT_EQ(group("refit", "mf"), "refit");
  EXPECT_EQ(group("refit-round-2", "mf"), "refit");
  EXPECT_EQ(group("refit-popularity", "mf"), "controls");
  EXPECT_EQ(group("rank-plain-test"), "asking");
  EXPECT_EQ(group("rank-plain-refit-test"), "controls");
  EXPECT_EQ(group("rate-augmented-test"), "asking");
  EXPECT_EQ(group("rate-augmented-base-test"), "controls");
}

TEST(RunCost, AsksOfValidationWhatItsChoiceNeeds) {
  const auto setup = cost_setup({"aggregation.augmentations=validation"});
  EXPECT_EQ(cost_group(*setup, "rank-plain-refit-test", ""), CostGroup::kAsking);
}

TEST(RunCost, SumsSecondsAndTokensOverTheSeedsAndAStageOfOneSeedOnce) {
  const auto setup = cost_setup({"run.backbone=lightgcn", "instructions.direct_backbone=lightgcn"});
  const auto folder = std::filesystem::path(::testing::TempDir()) / "run_cost_stages";
  std::filesystem::remove_all(folder);
  StageStore store(folder);
  std::vector<SeedRecord> records(2);
  for (SeedRecord& record : records) {
    const std::size_t first = store.timings().size();
    for (int use = 0; use < 2; ++use) {  // behind the instructions and as the backbone
      (void)store.run(
          "base", {std::to_string(first)}, [](StageFolder&) {}, "lightgcn");
    }
    (void)store.run("rank-plain-test", {std::to_string(first)}, [](StageFolder&) {});
    record.take_timings(store, first);
    ASSERT_EQ(record.timings.size(), 2U);
    record.timings[0].seconds = 4;
    record.timings[1].seconds = 0.5;
    record.summaries["tune-plain"] = {{"tokens", 1000}, {"learned_tokens", 10}};
    record.summaries["rank-plain-test"] = {
        {"prompts", 12}, {"prompt_tokens", 240}, {"answer_tokens", 36}, {"from_journal", 2}};
    record.summaries["rank-plain-refit-test"] = {{"prompts", 5}, {"prompt_tokens", 50}, {"answer_tokens", 10}};
  }
  const auto cost = cost_of(*setup, records);
  EXPECT_EQ(cost.at("seconds").at("Base"), 8);
  EXPECT_EQ(cost.at("seconds").at("asking"), 1);
  EXPECT_EQ(cost.at("method_seconds"), 9);
  EXPECT_EQ(cost.at("trained_tokens"), 2000);
  EXPECT_EQ(cost.at("method"), nlohmann::ordered_json::parse(
                                   R"({"prompts": 24, "tokens_read": 480, "tokens_written": 72, "from_journal": 4})"));
  EXPECT_EQ(cost.at("controls").at("prompts"), 10);
  std::filesystem::remove_all(folder);
}

TEST(RunCost, DoesNotKnowWhatAStageOfAnOlderVersionAsked) {
  const auto setup = cost_setup({"run.backbone=mf"});
  std::vector<SeedRecord> records(1);
  records[0].summaries["augment"] = {{"asked", 0}};
  records[0].summaries["rank-plain-test"] = {{"prompts", 12}, {"prompt_tokens", 240}, {"answer_tokens", 36}};
  EXPECT_EQ(cost_of(*setup, records).at("method").at("prompts"), 12);
  records[0].summaries["rank-plain-validation"] = {{"asked", 3}, {"from_journal", 1}};
  const auto cost = cost_of(*setup, records);
  EXPECT_TRUE(cost.at("method").at("prompts").is_null());
  EXPECT_TRUE(cost.at("method").at("tokens_read").is_null());
  EXPECT_EQ(cost.at("controls").at("prompts"), 0);
}

}  // namespace
}  // namespace llama4rec::pipeline
