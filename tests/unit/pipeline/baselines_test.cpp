#include "pipeline/baselines.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "report/report.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::Not;

ordered_json value(double mean, double deviation) { return {{"mean", mean}, {"deviation", deviation}}; }

ordered_json document() {
  const ordered_json top = {{"H@3", value(0.05, 0.004)},
                            {"N@3", value(0.04, 0)},
                            {"H@10", value(0.125, 0.01)},
                            {"N@10", value(0.0625, 0.003)}};
  const ordered_json rating = {{"RMSE", value(1.0066, 0.0029)}, {"MAE", value(0.78, 0.001)}};
  const ordered_json runs = ordered_json::array({ordered_json::object(), ordered_json::object()});
  const auto row = [&](const char* model, const char* title, const ordered_json& metrics) {
    return ordered_json{{"model", model},        {"title", title},  {"profile", ""},
                        {"validation", metrics}, {"test", metrics}, {"seconds_per_epoch", 0.0125},
                        {"runs", runs}};
  };
  const auto table = [&](const char* task, const ordered_json& rows) {
    return ordered_json{{"dataset", "toy"}, {"synthetic", true}, {"task", task},     {"protocol", "selfrec"},
                        {"users", "warm"},  {"rows", rows},      {"test_users", 927}};
  };
  return {{"experiment", "baselines"},
          {"command", "llama4rec experiment baselines"},
          {"profile", "tuned"},
          {"repeats", 2},
          {"seed", 3},
          {"tables", ordered_json::array({table("direct", ordered_json::array({row("mf", "MF", top)})),
                                          table("rating", ordered_json::array({row("als", "ALS", rating)}))})}};
}

TEST(Baselines, MarkdownShowsMeansDeviationsAndWhatTheyAreOf) {
  const std::string text = baselines_markdown(document());
  EXPECT_THAT(text, HasSubstr("    llama4rec experiment baselines\n"));
  EXPECT_THAT(text, HasSubstr("Profile `tuned`, seeds 3 to 4"));
  EXPECT_THAT(text, HasSubstr("## toy (synthetic), direct recommendation, protocol selfrec, warm users (927)"));
  // Cutoffs ascend by their number, not by their text; no deviation where the seeds agree.
  EXPECT_THAT(
      text, HasSubstr("| model | H@3 | N@3 | H@10 | N@10 | validation N@10 | s/epoch |\n|---|---|---|---|---|---|---|\n"
                      "| MF | .0500 ±.0040 | .0400 | .1250 ±.0100 | .0625 ±.0030 | .0625 ±.0030 | 0.013 |\n"));
}

TEST(Baselines, RatingsHaveNoProtocolAndAreJudgedByRmse) {
  const std::string text = baselines_markdown(document());
  EXPECT_THAT(text, HasSubstr("## toy (synthetic), rating recommendation, warm users (927)"));
  EXPECT_THAT(text, HasSubstr("| model | RMSE | MAE | validation RMSE | s/epoch |\n"));
  EXPECT_THAT(text, HasSubstr("| ALS | 1.0066 ±.0029 | .7800 ±.0010 | 1.0066 ±.0029 |"));
  EXPECT_THAT(text, Not(HasSubstr("protocol selfrec, warm users (927)\n\n| model | RMSE")));
}

TEST(Baselines, ThePageHasATableAndAPlotForEachTable) {
  auto finished = document();
  for (auto& run : finished["tables"][0]["rows"][0]["runs"]) run = {{"epochs", 40}, {"seconds", {{"train", 0.25}}}};
  const auto page = baselines_report(finished);
  EXPECT_THAT(report::render(page), HasSubstr("0.0500 ± 0.0040"));
  ASSERT_EQ(page.at("sections").size(), 4U) << "two tables, cost, reproduce";
  const auto& direct = page.at("sections")[0];
  EXPECT_EQ(direct.at("title"), "toy (synthetic), direct, selfrec, warm users");
  EXPECT_EQ(direct.at("blocks")[1].at("series"),
            nlohmann::json::parse(R"([{"name": "N@10", "x": ["MF"], "y": [0.0625]}])"));
  EXPECT_EQ(page.at("sections")[1].at("blocks")[1].at("series")[0].at("y")[0], 1.0066);
  EXPECT_EQ(page.at("sections")[2].at("blocks")[0].at("rows")[0],
            nlohmann::json::parse(R"(["MF", "toy (synthetic), direct, selfrec, warm users", "80", "0.5", "0.013"])"));
}

TEST(Baselines, CsvHasALineForEveryModelPartAndMetric) {
  const std::string text = baselines_csv(document());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 2 * 4 + 2 * 2);
  EXPECT_THAT(text, HasSubstr("toy,direct,selfrec,warm,mf,validation,H@10,0.125,0.01,2\n"));
  EXPECT_THAT(text, HasSubstr("toy,rating,selfrec,warm,als,test,RMSE,1.0066,0.0029,2\n"));
}

void expect_refused(const BaselinePlan& plan, const std::string& text) {
  try {
    check(plan);
    ADD_FAILURE() << "expected: " << text;
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(Baselines, PlansThatCannotBeAreRefusedByName) {
  const BaselinePlan plan{.datasets = {"ml-100k"}, .models = {"mf"}, .settings = {{}}};
  EXPECT_NO_THROW(check(plan));
  auto wrong = plan;
  wrong.models = {"mf", "fm"};
  expect_refused(wrong, "fm");
  wrong = plan;
  wrong.datasets = {};
  expect_refused(wrong, "no data set");
  wrong = plan;
  wrong.repeats = 0;
  expect_refused(wrong, "1 repeat");
  wrong = plan;
  wrong.settings = {{.protocol = "sampled", .users = "all"}};
  expect_refused(wrong, "sampled");
  wrong = plan;
  wrong.settings = {{.protocol = "textbook", .users = "cold"}};
  expect_refused(wrong, "cold");
}

}  // namespace
}  // namespace llama4rec::pipeline
