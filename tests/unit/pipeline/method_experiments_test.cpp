#include "pipeline/method_experiments.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/registry.h"
#include "report/report.h"
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

Json experiment() {
  const auto row = [](const std::string& name, const std::string& title, double value) {
    return Json{{"name", name}, {"title", title}, {"metrics", {{"H@3", value}}}, {"deviation", {{"H@3", 0.002}}}};
  };
  Json run{{"dataset", "tiny"},  {"synthetic", true},
           {"variant", "small"}, {"task", "direct"},
           {"backbone", "mf"},   {"users", 12},
           {"seeds", {1, 2}},    {"seconds", 3.4},
           {"title", "MF"},      {"rows", {row("base", "Base", 0.05), row("llama4rec", "Llama4Rec", 0.0612)}},
           {"metric", "H@3"},    {"report", "out/tiny-mf-01/report.html"}};
  run["improvement"]["H@3"] = 0.224;
  run["tests"]["H@3"] = {
      {"t_test_p", 0.04}, {"holm_p", 0.08}, {"wilcoxon_p", 0.0625}, {"interval", Json::array({-0.0031, 0.0275})}};
  run["cost"] = {{"seconds", {{"Base", 1.25}, {"tuning", 2.5}, {"controls", 8}}},
                 {"method_seconds", 3.75},
                 {"trained_tokens", 123456},
                 {"method", {{"prompts", 24}, {"tokens_read", 2400}, {"tokens_written", 240}, {"from_journal", 6}}},
                 {"controls", {{"prompts", 1}, {"tokens_read", 2}, {"tokens_written", 3}, {"from_journal", 0}}}};
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
          {"view", "grid"},
          {"planned", 1},
          {"report", "out/figure4.html"},
          {"runs", {run}}};
}

/// A run by quintile.
Json quintiles_document() {
  Json result = experiment();
  result["experiment"] = "quintiles";
  result["view"] = "quintiles";
  Json& run = result["runs"][0];
  run.erase("grid");
  const auto quintile = [](int place, int least, int most, double base, double method, double low) {
    return Json{{"quintile", place},
                {"minimum", least},
                {"maximum", most},
                {"users", 6},
                {"rows",
                 {{{"name", "base"}, {"title", "Base"}, {"metrics", {{"H@3", base}}}},
                  {{"name", "llama4rec"},
                   {"title", "Llama4Rec"},
                   {"metrics", {{"H@3", method}}},
                   {"difference", {{"H@3", {{"value", method - base}, {"low", low}, {"high", 0.5}}}}}}}}};
  };
  run["quintiles"] = {quintile(1, 3, 5, 0.25, 0.5, -0.125), quintile(5, 9, 9, 0.5, 0.25, -0.75)};
  return result;
}

/// The blocks of a page that are of a type, in their order.
std::vector<nlohmann::json> blocks_of(const nlohmann::json& page, const std::string& type) {
  std::vector<nlohmann::json> blocks;
  for (const auto& section : page.at("sections")) {
    for (const auto& block : section.at("blocks")) {
      if (block.at("type") == type) blocks.push_back(block);
    }
  }
  return blocks;
}

TEST(MethodExperiments, TheMarkdownHasRowsStarsAndTheGrid) {
  const std::string text = method_markdown(experiment());
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
  Json duel = experiment();
  duel["runs"][0]["duels"] = {{{"metric", "H@3"}, {"tasks", 20}, {"wins", 9}, {"ties", 5}, {"losses", 6}}};
  EXPECT_THAT(method_markdown(duel), HasSubstr("| H@3 | 20 | 45% | 25% | 30% |\n"));
  EXPECT_EQ(method_experiment("figure7").view, ExperimentView::kDuel);
  EXPECT_EQ(method_experiment("figure7").variants.size(), 2U);
}

TEST(MethodExperiments, AStarNeedsAGainAndADaggerHolm) {
  Json survives = experiment();
  survives["runs"][0]["tests"]["H@3"]["holm_p"] = 0.05;
  EXPECT_THAT(method_markdown(survives), HasSubstr("\\*†"));
  Json loss = experiment();
  loss["runs"][0]["improvement"]["H@3"] = -0.2;
  EXPECT_THAT(method_markdown(loss), ::testing::Not(HasSubstr("\\*")));
}

TEST(MethodExperiments, TheCsvHasALineForEachRowAndMetric) {
  EXPECT_EQ(method_csv(experiment()),
            "experiment,dataset,variant,backbone,row,metric,mean,deviation,seeds\n"
            "figure4,tiny,\"small\",mf,\"base\",H@3,0.05,0.002,2\n"
            "figure4,tiny,\"small\",mf,\"llama4rec\",H@3,0.0612,0.002,2\n");
}

TEST(MethodExperiments, ThePageHasTheNumbersOfTheRunsAndRenders) {
  const auto page = method_report(experiment());
  EXPECT_EQ(page.at("title"), "Figure 4");
  EXPECT_EQ(page.at("subtitle"), "1 run(s), 2 seed(s) each.");
  const auto tables = blocks_of(page, "table");
  ASSERT_EQ(tables.size(), 4U) << "improvements, rows, grid, cost";
  EXPECT_EQ(tables[0].at("rows"), nlohmann::json::parse(R"([["MF, tiny (synthetic), small", "+22.40%*"]])"));
  EXPECT_EQ(tables[1].at("rows"), nlohmann::json::parse(R"([["Base", "0.0500 ± 0.0020"],
      ["Llama4Rec", "0.0612 ± 0.0020*"], ["Improvement", "+22.40%"], ["95% interval of the difference", "-0.0031 to +0.0275"],
      ["p, t-test over users", "0.0400"], ["p, Wilcoxon", "0.0625"], ["p, t-test after Holm", "0.0800"]])"));
  EXPECT_EQ(tables[1].at("highlight_rows"), nlohmann::json::parse("[1]"));
  EXPECT_EQ(tables[2].at("rows"),
            nlohmann::json::parse(R"([["0.1", "0.0300", "0.0400"], ["0.3", "0.0500", "0.0600"]])"));
  EXPECT_EQ(tables[3].at("rows"), nlohmann::json::parse(R"([["MF, tiny (synthetic), small",
      {"text": "open", "link": "tiny-mf-01/report.html"}, "12", 2, "1.2", "2.5", "8.0", "3.8"]])"));
  const auto plots = blocks_of(page, "plot");
  ASSERT_EQ(plots.size(), 3U);
  EXPECT_EQ(plots[1].at("series"), nlohmann::json::parse(R"([{"name": "a2 = 0.1", "x": [0.1, 0.3], "y": [0.03, 0.05]},
                                                            {"name": "a2 = 0.3", "x": [0.1, 0.3], "y": [0.04, 0.06]}])"));
  EXPECT_THAT(report::render(page), HasSubstr("<a href=\"tiny-mf-01/report.html\">open</a>"));
}

TEST(MethodExperiments, ThePageOfAnUnfinishedExperimentSaysSo) {
  Json half = experiment();
  half["planned"] = 3;
  EXPECT_THAT(report::render(method_report(half)), HasSubstr("1 of 3 runs are done; the same command goes on."));
}

TEST(MethodExperiments, ThePageDrawsAMetricAlongTheVariantsForEachBackbone) {
  Json varied = experiment();
  varied["view"] = "rows";
  Json& runs = varied["runs"];
  runs[0].erase("grid");
  runs.push_back(runs[0]);
  runs[1]["variant"] = "large";
  runs[1]["rows"][1]["metrics"]["H@3"] = 0.075;
  const auto plots = blocks_of(method_report(varied), "plot");
  ASSERT_EQ(plots.size(), 1U) << "one backbone";
  EXPECT_EQ(plots[0].at("series"),
            nlohmann::json::parse(R"([{"name": "Base", "x": ["small", "large"], "y": [0.05, 0.05]},
                                      {"name": "Llama4Rec", "x": ["small", "large"], "y": [0.0612, 0.075]}])"));
  runs.push_back(runs[0]);
  runs.push_back(runs[1]);
  for (const std::size_t n : {2U, 3U}) runs[n]["title"] = "SGL";
  const auto of_two = blocks_of(method_report(varied), "plot");
  ASSERT_EQ(of_two.size(), 3U) << "and one of both backbones";
  EXPECT_EQ(of_two[0].at("series")[1].at("name"), "SGL");
}

TEST(MethodExperiments, ThePageStacksTheSharesOfADuel) {
  Json duel = experiment();
  duel["view"] = "duel";
  duel["runs"][0]["duels"] = {{{"metric", "H@3"}, {"tasks", 20}, {"wins", 9}, {"ties", 5}, {"losses", 6}}};
  const auto plot = blocks_of(method_report(duel), "plot").front();
  EXPECT_EQ(plot.at("stacked"), true);
  EXPECT_EQ(plot.at("series")[0], nlohmann::json::parse(R"({"name": "win", "x": ["H@3"], "y": [45.0]})"));
  EXPECT_NO_THROW((void)report::render(method_report(duel)));
}

TEST(MethodExperiments, QuintilesGiveTheDifferenceToBaseWithItsInterval) {
  const Json quintiles = quintiles_document();
  EXPECT_THAT(method_markdown(quintiles),
              HasSubstr("MF, H@3 by quintile of N(u), the user's training interactions:\n\n"
                        "| N(u) | users | Base | Llama4Rec | Llama4Rec − Base |\n| --- | --- | --- | --- | --- |\n"
                        "| 3–5 | 6 | 0.2500 | 0.5000 | +0.2500 [-0.1250, +0.5000] |\n"
                        "| 9 | 6 | 0.5000 | 0.2500 | -0.2500 [-0.7500, +0.5000] |\n"));
  EXPECT_EQ(method_csv(quintiles),
            "experiment,dataset,variant,backbone,row,metric,quintile,minimum,maximum,users,value,difference,low,high\n"
            "quintiles,tiny,\"small\",mf,\"base\",H@3,1,3,5,6,0.25,,,\n"
            "quintiles,tiny,\"small\",mf,\"llama4rec\",H@3,1,3,5,6,0.5,0.25,-0.125,0.5\n"
            "quintiles,tiny,\"small\",mf,\"base\",H@3,5,9,9,6,0.5,,,\n"
            "quintiles,tiny,\"small\",mf,\"llama4rec\",H@3,5,9,9,6,0.25,-0.25,-0.75,0.5\n");
  const auto page = method_report(quintiles);
  const auto plots = blocks_of(page, "plot");
  ASSERT_EQ(plots.size(), 2U);
  EXPECT_EQ(plots[0].at("series"), nlohmann::json::parse(R"([{"name": "MF", "x": ["1, the tail", "5, the head"],
                                                             "y": [0.25, -0.25]}])"));
  EXPECT_EQ(plots[1].at("series")[0],
            nlohmann::json::parse(R"({"name": "Base", "x": ["3–5", "9"], "y": [0.25, 0.5]})"));
  EXPECT_NO_THROW((void)report::render(page));
}

TEST(MethodExperiments, CostStandsBesideTheGain) {
  Json cost = experiment();
  cost["experiment"] = "cost";
  cost["view"] = "cost";
  EXPECT_THAT(
      method_markdown(cost),
      HasSubstr("| MF, tiny (synthetic), small | H@3 | +22.40% | +22.40%\\* | 1.2 | 2.5 | 8.0 | 3.8 | 123,456 | 24 | "
                "2,400 | 240 | 6 |\n"));
  EXPECT_THAT(method_csv(cost), HasSubstr("\ncost,tiny,\"small\",mf,2,H@3,"));
  EXPECT_THAT(method_csv(cost), HasSubstr(",0.224,0.04,123456,24,2400,240,6,1,3.75,1.25,2.5,8\n"));
  const auto page = method_report(cost);
  const auto plots = blocks_of(page, "plot");
  ASSERT_EQ(plots.size(), 2U);
  EXPECT_EQ(plots[0].at("series")[0].at("name"), "MF");
  EXPECT_EQ(plots[0].at("series")[0].at("x"), nlohmann::json::parse("[3.75]"));
  EXPECT_NEAR(plots[0].at("series")[0].at("y")[0].get<double>(), 22.4, 1e-9);
  EXPECT_EQ(plots[1].at("series").size(), 2U) << "no bar for the controls";
  EXPECT_NO_THROW((void)report::render(page));
}

TEST(MethodExperiments, FewerErrorsAreAGainOverBase) {
  Json cost = experiment();
  cost["view"] = "cost";
  cost["runs"][0]["task"] = "rating";
  EXPECT_THAT(method_markdown(cost), HasSubstr("| -22.40% |"));
}

}  // namespace
}  // namespace llama4rec::pipeline
