#include "pipeline/method_experiments.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/registry.h"
#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

TEST(MethodExperiments, EveryTableOfThePaperThatNeedsRunsHasItsBackbones) {
  std::set<std::string> backbones;
  for (const char* name : {"table2", "table4", "table5"}) {
    const MethodExperiment& it = method_experiment(name);
    EXPECT_THAT(it.datasets, ::testing::ElementsAre("ml-100k", "ml-1m", "book-crossing"));
    backbones.insert(it.models.begin(), it.models.end());
  }
  EXPECT_EQ(backbones.size(), 13U);
  for (const auto& it : method_experiments()) {
    EXPECT_FALSE(it.models.empty());
    EXPECT_FALSE(it.variants.empty());
    for (const auto& model : it.models) EXPECT_NO_THROW((void)recommenders::info(model)) << it.name;
  }
}

TEST(MethodExperiments, EveryVariantSetsOptionsThatThereAre) {
  for (const auto& experiment : method_experiments()) {
    for (const auto& variant : experiment.variants) {
      EXPECT_NO_THROW((void)testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5}, {1, 5}, {2, 5}}}, 3),
                                                variant.assignments))
          << experiment.name << " " << variant.label;
    }
  }
}

TEST(MethodExperiments, AnUnknownNameListsTheKnownOnes) {
  try {
    (void)method_experiment("table9");
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("table9"));
    EXPECT_THAT(error.what(), HasSubstr("table2"));
  }
}

Json document() {
  const auto row = [](const std::string& name, const std::string& title, double value) {
    return Json{{"name", name}, {"title", title}, {"metrics", {{"H@3", value}}}, {"deviation", {{"H@3", 0.002}}}};
  };
  Json run{{"dataset", "tiny"},  {"synthetic", true},
           {"variant", "small"}, {"task", "direct"},
           {"backbone", "mf"},   {"users", 12},
           {"seeds", {1, 2}},    {"seconds", 3.4},
           {"title", "MF"},      {"rows", {row("base", "Base", 0.05), row("llama4rec", "Llama4Rec", 0.0612)}}};
  run["improvement"]["H@3"] = 0.224;
  run["tests"]["H@3"] = {{"t_test_p", 0.04}, {"holm_p", 0.08}};
  run["grid"] = {{"metric", "N@5"},
                 {"cells",
                  {{{"a1", 0.1}, {"a2", 0.1}, {"value", 0.03}},
                   {{"a1", 0.1}, {"a2", 0.3}, {"value", 0.04}},
                   {{"a1", 0.3}, {"a2", 0.1}, {"value", 0.05}},
                   {{"a1", 0.3}, {"a2", 0.3}, {"value", 0.06}}}}};
  return {{"experiment", "figure4"},
          {"description", "Figure 4"},
          {"command", "llama4rec experiment figure4"},
          {"scale", "small"},
          {"runs", {run}}};
}

TEST(MethodExperiments, TheMarkdownHasRowsStarsAndTheGrid) {
  const std::string text = method_markdown(document());
  EXPECT_THAT(text, HasSubstr("## tiny (synthetic), small\n\n12 test users, 2 seed(s), 3 s\n"));
  EXPECT_THAT(text,
              HasSubstr("| MF | H@3 |\n| --- | --- |\n| Base | .0500 ±.0020 |\n| Llama4Rec | .0612 ±.0020\\* |\n"));
  EXPECT_THAT(text,
              HasSubstr("| improvement over the better of Base and IFT | +22.40% |\n| p, t-test over users | 0.040 |"));
  EXPECT_THAT(
      text,
      HasSubstr("| a1 \\ a2 | 0.1 | 0.3 |\n| --- | --- | --- |\n| 0.1 | .0300 | .0400 |\n| 0.3 | .0500 | .0600 |\n"));
}

TEST(MethodExperiments, TheMarkdownHasTheSharesOfADuel) {
  Json duel = document();
  duel["runs"][0]["duels"] = {{{"metric", "H@3"}, {"tasks", 20}, {"wins", 9}, {"ties", 5}, {"losses", 6}}};
  EXPECT_THAT(method_markdown(duel), HasSubstr("| H@3 | 20 | 45% | 25% | 30% |\n"));
  EXPECT_TRUE(method_experiment("figure7").duel);
  EXPECT_EQ(method_experiment("figure7").variants.size(), 2U);
}

TEST(MethodExperiments, AStarNeedsAGainAndADaggerHolm) {
  Json survives = document();
  survives["runs"][0]["tests"]["H@3"]["holm_p"] = 0.05;
  EXPECT_THAT(method_markdown(survives), HasSubstr("\\*†"));
  Json loss = document();
  loss["runs"][0]["improvement"]["H@3"] = -0.2;
  EXPECT_THAT(method_markdown(loss), ::testing::Not(HasSubstr("\\*")));
}

TEST(MethodExperiments, TheCsvHasALineForEachRowAndMetric) {
  EXPECT_EQ(method_csv(document()),
            "experiment,dataset,variant,backbone,row,metric,mean,deviation,seeds\n"
            "figure4,tiny,\"small\",mf,\"base\",H@3,0.05,0.002,2\n"
            "figure4,tiny,\"small\",mf,\"llama4rec\",H@3,0.0612,0.002,2\n");
}

}  // namespace
}  // namespace llama4rec::pipeline
