#include "report/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include <cmath>
#include <limits>

namespace llama4rec::report {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NanSensitiveDoubleEq;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

json plot_block(const std::string& kind, json series) {
  return {{"type", "plot"}, {"kind", kind},   {"caption", "C"},
          {"x_title", "X"}, {"y_title", "Y"}, {"series", std::move(series)}};
}

Plot read(const json& block) { return read_plot(Node(block, "block")); }

TEST(Plot, OfALineOverNumbersKeepsThePoints) {
  const auto plot = read(plot_block("line", {{{"name", "a"}, {"x", {1, 2.5}}, {"y", {3, 4}}}}));
  EXPECT_FALSE(plot.has_categories);
  EXPECT_THAT(plot.series[0].x, ElementsAre(1, 2.5));
  EXPECT_EQ(chart_data(plot)["series"][0]["values"], json::parse("[[1.0,3.0],[2.5,4.0]]"));
}

TEST(Plot, OfALineOverTextsHasCategories) {
  const auto plot = read(plot_block("line", {{{"name", "a"}, {"x", {"Q1", 2}}, {"y", {3, 4}}}}));
  EXPECT_TRUE(plot.has_categories);
  EXPECT_THAT(plot.categories, ElementsAre("Q1", "2"));
}

TEST(Plot, AlignsBarsOfSeveralSeriesByTheirNames) {
  const auto plot = read(plot_block(
      "bar", {{{"name", "a"}, {"x", {"p", "q"}}, {"y", {1, 2}}}, {{"name", "b"}, {"x", {"r", "p"}}, {"y", {3, 4}}}}));
  EXPECT_THAT(plot.categories, ElementsAre("p", "q", "r"));
  EXPECT_THAT(plot.series[0].y, ElementsAre(1, 2, NanSensitiveDoubleEq(kNan)));
  EXPECT_THAT(plot.series[1].y, ElementsAre(4, NanSensitiveDoubleEq(kNan), 3));
}

TEST(Plot, StacksBarsAndNothingElse) {
  auto block =
      plot_block("bar", {{{"name", "win"}, {"x", {"p"}}, {"y", {1}}}, {{"name", "loss"}, {"x", {"p"}}, {"y", {2}}}});
  EXPECT_FALSE(chart_data(read(block)).contains("stacked"));
  block["stacked"] = true;
  EXPECT_EQ(chart_data(read(block)).at("stacked"), true);
  block["kind"] = "line";
  EXPECT_THROW((void)read(block), InternalError);
  block["stacked"] = "yes";
  EXPECT_THROW((void)read(block), InternalError);
}

TEST(Plot, KeepsBarsApartWhoseItemsBearOneTitle) {
  const auto plot =
      read(plot_block("bar", {{{"name", "a"}, {"x", {"Chasing Amy (1997)", "Chasing Amy (1997)"}}, {"y", {1, 2}}},
                              {{"name", "b"}, {"x", {"Chasing Amy (1997)"}}, {"y", {3}}}}));
  EXPECT_THAT(plot.categories, ElementsAre("Chasing Amy (1997)", "Chasing Amy (1997)"));
  EXPECT_THAT(plot.series[0].y, ElementsAre(1, 2));
  EXPECT_THAT(plot.series[1].y, ElementsAre(3, NanSensitiveDoubleEq(kNan)));
}

TEST(Plot, TakesNullAndNonFiniteNumbersAsGaps) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto plot =
      read(plot_block("line", {{{"name", "a"}, {"x", {1, 2, 3, nullptr}}, {"y", {nullptr, kNan, -infinity, 4}}}}));
  EXPECT_EQ(chart_data(plot)["series"][0]["values"], json::parse("[[1.0,null],[2.0,null],[3.0,null],[null,4.0]]"));
  EXPECT_FALSE(plot.has_values());
}

TEST(Plot, HasValuesWhenOnePointIsComplete) {
  EXPECT_TRUE(read(plot_block("scatter", {{{"name", "a"}, {"x", {1, nullptr}}, {"y", {2, 3}}}})).has_values());
  EXPECT_FALSE(read(plot_block("scatter", {{{"name", "a"}, {"x", json::array()}, {"y", json::array()}}})).has_values());
}

TEST(Plot, DataTableHasOneRowPerCategoryAndShowsGaps) {
  const auto table =
      data_table(read(plot_block("histogram", {{{"name", "n<"}, {"x", {"0–5", "5–10"}}, {"y", {7, nullptr}}}})));
  EXPECT_THAT(table, HasSubstr(R"(<th scope="col" class="left">X</th><th scope="col" class="right">n&lt;</th>)"));
  EXPECT_THAT(table, HasSubstr(R"(<tr><th scope="row" class="left">0–5</th><td class="right">7</td></tr>)"));
  EXPECT_THAT(table, HasSubstr(R"(<tr><th scope="row" class="left">5–10</th><td class="right">–</td></tr>)"));
}

TEST(Plot, DataTableOfAScatterPlotHasOneRowPerPoint) {
  const auto table = data_table(read(plot_block("scatter", {{{"name", "a"}, {"x", {0.5}}, {"y", {1234567}}}})));
  EXPECT_THAT(
      table,
      HasSubstr(R"(<th scope="row" class="left">a</th><td class="right">0.5</td><td class="right">1234567</td>)"));
}

TEST(Plot, DescriptionNamesAxesAndSeries) {
  const auto text = chart_description(read(
      plot_block("bar", {{{"name", "Base"}, {"x", {"a"}}, {"y", {1}}}, {{"name", "IFT"}, {"x", {"a"}}, {"y", {2}}}})));
  EXPECT_EQ(text, "Bar chart: C Horizontal axis: X. Vertical axis: Y. Series: Base, IFT. The data follow as a table.");
}

TEST(NumberText, IsShortAndExactForWholeNumbers) {
  EXPECT_EQ(number_text(12345678), "12345678");
  EXPECT_EQ(number_text(-3), "-3");
  EXPECT_EQ(number_text(0.1 + 0.2), "0.3");
  EXPECT_EQ(number_text(0.04921234567), "0.0492123");
  EXPECT_EQ(number_text(kNan), "–");
}

}  // namespace
}  // namespace llama4rec::report
