#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "report/html.h"
#include "report/report.h"
#include "unit/report/markup.h"

namespace llama4rec::report {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Assets kWithCharts = {.style = "p{}", .script = "/*ours*/", .charts = "/*library*/"};
constexpr Assets kWithoutCharts = {.style = "p{}", .script = "/*ours*/", .charts = ""};

/// Lists, where nlohmann's braces would make an object of pairs of texts.
json rows_of(const std::vector<std::vector<json>>& rows) { return json(rows); }

/// A document with every kind of block and `text` wherever a text may stand.
json document_of(const std::string& text) {
  const json series = {{{"name", text}, {"x", {text, "b"}}, {"y", {1, nullptr}}}};
  const json points = {{{"name", text}, {"x", {1, 2}}, {"y", {1, 2}}}};
  const auto plot = [&](const char* kind, const json& data) {
    return json{{"type", "plot"},  {"kind", kind},    {"caption", text},
                {"x_title", text}, {"y_title", text}, {"series", data}};
  };
  const json blocks = {
      {{"type", "table"},
       {"caption", text},
       {"columns", {{{"title", text}, {"align", "left"}}, {{"title", text}, {"align", "right"}}}},
       {"rows", rows_of({{text, text}, {text, 0.5}, {text, json{{"text", text}, {"link", "x" + text}}}})},
       {"highlight_rows", {1}},
       {"notes", {text}}},
      plot("line", series),
      plot("bar", series),
      plot("histogram", series),
      plot("scatter", points),
      {{"type", "examples"},
       {"caption", text},
       {"items",
        {{{"title", text}, {"fields", {{{"name", text}, {"list", {text, text}}}, {{"name", text}, {"text", text}}}}}}}},
      {{"type", "key_values"}, {"caption", text}, {"items", rows_of({{text, text}, {"seed", 1}})}},
      {{"type", "text"}, {"text", text}},
      {{"type", "code"}, {"text", text}}};
  const json section = {{"title", text}, {"text", text}, {"blocks", blocks}};
  return {{"title", text},
          {"subtitle", text},
          {"badges", {{{"text", text}, {"kind", "warning"}}, {{"text", text}, {"kind", "info"}}}},
          {"sections", {section, section}}};
}

int count(std::string_view text, std::string_view part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

class HostileText : public testing::TestWithParam<std::string> {};

TEST_P(HostileText, AppearsEverywhereAsTextAndNowhereAsMarkup) {
  const auto reference = parse_markup(render_page(document_of("plain"), kWithCharts));
  const auto html = render_page(document_of(GetParam()), kWithCharts);
  const auto markup = parse_markup(html);
  EXPECT_THAT(markup.problems, IsEmpty());
  EXPECT_EQ(markup.elements, reference.elements);
  EXPECT_EQ(markup.attributes.size(), reference.attributes.size());
  EXPECT_THAT(markup.texts, Contains(GetParam()));
  ASSERT_EQ(markup.scripts.size(), reference.scripts.size());
  for (const auto& script : markup.scripts) {
    if (script.starts_with("/*")) continue;
    EXPECT_EQ(json::parse(script)["x_title"], GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Page, HostileText,
                         testing::Values("<script>alert(1)</script>", "</script><script>alert(1)</script>",
                                         "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "<!--<script>",
                                         "</title></style></textarea>", "&lt;b&gt; &amp;", "]]>", "{} {0} {{}} %s",
                                         "<s>[INST] </s>", "\xE2\x80\xA8\xE2\x80\xA9", "Amélie \xF0\x9F\x8E\xAC; b",
                                         "${alert(1)} `x` \\u003cb\\u003e"));

TEST(Page, IsWellFormedForEmptyTexts) {
  EXPECT_THAT(parse_markup(render_page(document_of(""), kWithCharts)).problems, IsEmpty());
  EXPECT_THAT(parse_markup(render_page(document_of(""), kWithoutCharts)).problems, IsEmpty());
}

TEST(Page, SurvivesIllFormedUtf8Everywhere) {
  const auto html = render_page(document_of("\xFF<\xC3"), kWithCharts);
  EXPECT_THAT(parse_markup(html).problems, IsEmpty());
  EXPECT_EQ(html.find('\xFF'), std::string::npos);
}

TEST(Page, UsesEachIdOnce) {
  const auto ids = parse_markup(render_page(document_of("x"), kWithCharts)).ids;
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
}

TEST(Page, AsksNoServerForAnything) {
  const auto document = document_of("https://example.org/a.js");
  for (const auto& attribute : parse_markup(render(document)).attributes) {
    EXPECT_THAT(attribute, Not(StartsWith("src=")));
    if (attribute.starts_with("href=") && !attribute.starts_with("href=#") &&
        attribute != "href=xhttps%3A//example.org/a.js") {
      EXPECT_EQ(attribute, "href=data:,");
    }
  }
  EXPECT_THAT(std::string(embedded_style()), Not(HasSubstr("url(")));
  EXPECT_THAT(std::string(embedded_style()), Not(HasSubstr("@import")));
  EXPECT_THAT(std::string(embedded_charts()), Not(HasSubstr("sourceMappingURL")));
}

TEST(Page, PolicyAllowsExactlyItsOwnScriptsAndStyle) {
  const auto markup = parse_markup(render_page(document_of("x"), kWithCharts));
  EXPECT_THAT(markup.attributes, Contains("content=default-src 'none'; script-src '" + policy_hash("/*library*/") +
                                          "' '" + policy_hash("/*ours*/") + "'; style-src '" + policy_hash("p{}") +
                                          "'; img-src data:; base-uri 'none'; form-action 'none'"));
}

TEST(Page, CarriesTheChartingLibraryOnlyWhenThereIsSomethingToDraw) {
  json document = {{"title", "t"}, {"sections", {{{"title", "s"}, {"blocks", json::array()}}}}};
  EXPECT_THAT(render_page(document, kWithCharts), Not(HasSubstr("/*library*/")));
  const json series = {{{"name", "n"}, {"x", {1}}, {"y", {nullptr}}}};
  document["sections"][0]["blocks"].push_back(
      {{"type", "plot"}, {"kind", "line"}, {"caption", "c"}, {"x_title", ""}, {"y_title", ""}, {"series", series}});
  const auto without_values = render_page(document, kWithCharts);
  EXPECT_THAT(without_values, Not(HasSubstr("/*library*/")));
  EXPECT_THAT(without_values, HasSubstr("No data."));
  document["sections"][0]["blocks"][0]["series"][0]["y"][0] = 1;
  EXPECT_THAT(render_page(document, kWithCharts), HasSubstr("<script>/*library*/</script>"));
}

TEST(Page, WithoutTheLibraryShowsThePlotsDataOpen) {
  const auto html = render_page(document_of("x"), kWithoutCharts);
  EXPECT_EQ(count(html, "<details class=\"data\" open>"), 8);
  EXPECT_EQ(count(html, "data-chart="), 0);
  const auto with_charts = render_page(document_of("x"), kWithCharts);
  EXPECT_EQ(count(with_charts, "<details class=\"data\">"), 8);
  EXPECT_EQ(count(with_charts, "data-chart="), 8);
}

TEST(Page, HighlightsTheNamedRowsOnly) {
  const json table = {{"type", "table"},
                      {"caption", "c"},
                      {"columns", {{{"title", "Model"}}, {{"title", "H@3"}, {"align", "right"}}}},
                      {"rows", rows_of({{"Base", "0.0492"}, {"Llama4Rec", "0.0550"}})},
                      {"highlight_rows", {1}}};
  const auto html = render({{"title", "t"}, {"sections", {{{"title", "s"}, {"blocks", {table}}}}}});
  EXPECT_THAT(html, HasSubstr("<tr><th scope=\"row\" class=\"left\">Base</th><td class=\"right\">0.0492</td></tr>"));
  EXPECT_THAT(html, HasSubstr("<tr class=\"highlight\"><th scope=\"row\" class=\"left\">Llama4Rec</th><td "
                              "class=\"right\">0.0550</td></tr>"));
}

TEST(Page, HangsMarksOfSignificanceBesideTheNumbersOfARightAlignedColumn) {
  const json table = {{"type", "table"},
                      {"caption", "c"},
                      {"columns", {{{"title", "Model"}}, {{"title", "H@3"}, {"align", "right"}}}},
                      {"rows", rows_of({{"Base*", "0.0492"}, {"IFT", "0.0550 *†"}, {"M*A*S*H", "*"}})}};
  const auto html = render({{"title", "t"}, {"sections", {{{"title", "s"}, {"blocks", {table}}}}}});
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\" class=\"left\">Base*</th><td class=\"right marked\">0.0492</td>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"right marked\">0.0550<span class=\"marks\"> *†</span></td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\" class=\"left\">M*A*S*H</th><td class=\"right marked\">*</td>"));
}

TEST(Page, LinksFromATablesCellToAFileBesideItAndNowhereElse) {
  const auto with_link = [](const std::string& link) {
    return json{{"title", "t"},
                {"sections",
                 {{{"title", "s"},
                   {"blocks",
                    {{{"type", "table"},
                      {"caption", "c"},
                      {"columns", {{{"title", "Run"}}, {{"title", "Report"}}}},
                      {"rows", rows_of({{"MF", json{{"text", "a & b"}, {"link", link}}}})}}}}}}}};
  };
  EXPECT_THAT(render(with_link("tiny-mf-01ab/report.html")),
              HasSubstr("<a href=\"tiny-mf-01ab/report.html\">a &amp; b</a>"));
  EXPECT_THAT(render(with_link("javascript:alert(1)")), HasSubstr("<a href=\"javascript%3Aalert%281%29\">"))
      << "a file's odd name, no scheme";
  EXPECT_THAT(render(with_link("a b/\"é?x#y")), HasSubstr("<a href=\"a%20b/%22%C3%A9%3Fx%23y\">"));
}

TEST(Page, SplitsATextIntoParagraphsAtEmptyLines) {
  const auto html =
      render({{"title", "t"},
              {"sections", {{{"title", "s"}, {"text", "one\nstill one\n\n\ntwo"}, {"blocks", json::array()}}}}});
  EXPECT_THAT(html, HasSubstr("<p>one\nstill one</p>\n<p>two</p>\n"));
}

TEST(Page, ListsItsSectionsWhenThereIsMoreThanOne) {
  json document = {{"title", "t"}, {"sections", {{{"title", "First"}, {"blocks", json::array()}}}}};
  EXPECT_THAT(render(document), Not(HasSubstr("<nav")));
  document["sections"].push_back({{"title", "Second"}, {"blocks", json::array()}});
  EXPECT_THAT(render(document), HasSubstr("<li><a href=\"#section-2\">Second</a></li>"));
}

TEST(Report, OfThisBuildCarriesTheLibrarysLicenceWhereItCarriesTheLibrary) {
  const auto html = render(document_of("x"));
  EXPECT_EQ(has_charts(), html.find("new Chart") != std::string::npos &&
                              html.find("Chart.js Contributors") != std::string::npos &&
                              html.find("Permission is hereby granted") != std::string::npos);
  EXPECT_EQ(count(html, "<canvas"), 0);
}

TEST(Report, IsTheSameForTheSameDocument) { EXPECT_EQ(render(document_of("x")), render(document_of("x"))); }

}  // namespace
}  // namespace llama4rec::report
