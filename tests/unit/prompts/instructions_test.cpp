#include "prompts/instructions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

class InstructionTest : public ::testing::Test {
 protected:
  Instruction ranking(const std::string& loss) {
    InstructionOptions options;
    options.answer_loss = loss;
    InstructionWriter writer(cases_, texts_, options);
    return writer.ranking({.user = 0, .target = 1, .history = {0}, .ranked = {2, 3, 1}, .positives = {1}},
                          InstructionKind::kRanking, false);
  }

  Dataset dataset_ = llama4rec::testing::tiny_dataset({{{0, 5}, {1, 4}}}, 4);
  ItemTexts texts_{dataset_};
  Templates templates_{texts_, "compact"};
  CaseWriter cases_{texts_,
                    templates_,
                    PromptOptions{},
                    1,
                    [](const std::string& text) { return static_cast<std::int64_t>(text.size()); },
                    100000};
};

TEST_F(InstructionTest, TheLabelStartsWithThePositivesAndGoesOnInTheRecommendersOrder) {
  EXPECT_EQ(PromptText{.segments = ranking("all").answer}.joined(), "Title 1; Title 2; Title 3");
}

TEST_F(InstructionTest, TheLossCanStopBehindThePositives) {
  const llm::TrainingText text = ranking("positives").training_text();
  ASSERT_EQ(text.segments.size(), text.learn.size());
  EXPECT_EQ(text.segments[text.segments.size() - 2], "Title 1");
  EXPECT_EQ(text.segments.back(), "; ");
  EXPECT_TRUE(text.learn[text.learn.size() - 1] && text.learn[text.learn.size() - 2]);
  EXPECT_FALSE(text.learn[text.learn.size() - 3]);
  EXPECT_FALSE(text.end);
}

TEST_F(InstructionTest, TheWholeAnswerCanBeLearnedWithItsEnd) {
  const llm::TrainingText text = ranking("all").training_text();
  EXPECT_EQ(std::count(text.learn.begin(), text.learn.end(), true), 5);
  EXPECT_TRUE(text.end);
}

TEST_F(InstructionTest, OnlyTheAnswerIsEverLearned) {
  const Instruction it = ranking("all");
  const llm::TrainingText text = it.training_text();
  for (std::size_t n = 0; n < it.prompt.segments.size(); ++n) EXPECT_FALSE(text.learn[n]) << n;
}

TEST_F(InstructionTest, ARatingAnswerIsTheRating) {
  InstructionWriter writer(cases_, texts_, {});
  const Instruction it = writer.rating({.user = 0, .target = 1, .history = {{0, 5}}, .item = 1, .rating = 4}, false);
  EXPECT_THAT(it.answer, ::testing::ElementsAre("4"));
  EXPECT_TRUE(it.training_text().end);
}

TEST_F(InstructionTest, AlpacaLinesAreJsonWithInstructionInputOutputAndMeta) {
  const auto line = nlohmann::json::parse(ranking("all").alpaca_json(dataset_));
  EXPECT_EQ(line["output"], "Title 1; Title 2; Title 3");
  EXPECT_EQ(line["meta"]["kind"], "ranking");
  EXPECT_EQ(line["meta"]["user"], "u0");
  EXPECT_EQ(line["meta"]["targets"][0], "i1");
  EXPECT_EQ(line["instruction"].get<std::string>() + line["input"].get<std::string>(), ranking("all").prompt.joined());
}

TEST_F(InstructionTest, RepeatedInstructionsAreDropped) {
  std::vector<Instruction> instructions{ranking("all"), ranking("all"), ranking("positives")};
  EXPECT_EQ(drop_repeated(instructions), 2);
  EXPECT_EQ(instructions.size(), 1U);
}

}  // namespace
}  // namespace llama4rec::prompts
