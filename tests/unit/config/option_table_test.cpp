#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama4rec/error.h>

#include "config/configuration.h"
#include "config/option_value.h"
#include "config/options_markdown.h"

namespace llama4rec::config {
namespace {

OptionRow row(const std::string& name, const std::string& type, const std::string& value, Constraint constraint = {}) {
  return {name, type, value, std::move(constraint), "A description.", ""};
}

TEST(OptionTableTest, TheSameDeclarationTwiceIsOneOption) {
  OptionTable table;
  table.add_rows({row("a.b", "integer", "1")});
  table.add_rows({row("a.b", "integer", "1")});
  EXPECT_EQ(table.rows().size(), 1U);
}

TEST(OptionTableTest, DifferentDeclarationsOfOneNameAreRefused) {
  OptionTable table;
  table.add_rows({row("a.b", "integer", "1")});
  EXPECT_THROW(table.add_rows({row("a.b", "integer", "2")}), InternalError);
  EXPECT_THROW(table.add_rows({row("a.b", "number", "1")}), InternalError);
  EXPECT_THROW(table.add_rows({row("a.b", "integer", "1", between(0, 5))}), InternalError);
}

TEST(OptionTableTest, AnOptionCannotBeASectionToo) {
  OptionTable table;
  table.add_rows({row("a.b", "integer", "1")});
  EXPECT_THROW(table.add_rows({row("a", "integer", "1")}), InternalError);
  EXPECT_THROW(table.add_rows({row("a.b.c", "integer", "1")}), InternalError);
}

TEST(OptionTableTest, ADeclarationIsHeldAgainstItsOwnRules) {
  OptionTable table;
  EXPECT_THROW(table.add_rows({row("a.b", "integer", "9", between(0, 5))}), InternalError);
  EXPECT_THROW(table.add_rows({row("a.b", "text", "x", one_of({"y"}))}), InternalError);
  EXPECT_THROW(table.add_rows({row("A.b", "integer", "1")}), InternalError);
  EXPECT_THROW(table.add_rows({row("a..b", "integer", "1")}), InternalError);
  EXPECT_THROW(table.add_rows({{"a.b", "integer", "1", {}, "", ""}}), InternalError);
}

TEST(OptionTableTest, TheNearestNameIsTheOneWithTheFewestEdits) {
  OptionTable table;
  EXPECT_EQ(table.nearest("x"), "");
  table.add_rows({row("data.name", "text", "x"), row("train.epochs", "integer", "1"), row("seed", "integer", "1")});
  EXPECT_EQ(table.nearest("data.nam"), "data.name");
  EXPECT_EQ(table.nearest("epoch"), "train.epochs");
  EXPECT_EQ(table.nearest("sed"), "seed");
}

TEST(OptionValueTest, TextsSurviveYamlQuoting) {
  for (const std::string text : {"plain", "a/b.c", "", "-x", "true", "No", "12", "1e3", "null", "~", "a: b", "#", "\"",
                                 "\\", "two words", "\t", "\n", "[x]", "caf\xC3\xA9"}) {
    const auto list = parse_list(format_list({format_text(text), format_text("end")}));
    ASSERT_TRUE(list.has_value()) << text;
    EXPECT_THAT(*list, testing::ElementsAre(text, "end"));
  }
  EXPECT_EQ(format_text("plain"), "plain");
  EXPECT_EQ(format_text("true"), "\"true\"");
}

TEST(OptionValueTest, NumbersAreWrittenInTheShortestFormThatReadsBack) {
  EXPECT_EQ(format_number(0.1), "0.1");
  EXPECT_EQ(format_number(1), "1");
  EXPECT_EQ(parse_number(format_number(1.0 / 3)), 1.0 / 3);
  EXPECT_EQ(parse_number("inf"), std::nullopt);
  EXPECT_EQ(parse_number("1 "), std::nullopt);
  EXPECT_EQ(parse_number(""), std::nullopt);
}

TEST(OptionsMarkdownTest, ThePageHasATablePerSectionAndARowPerOption) {
  OptionTable table;
  table.add_rows({row("b.x", "integer", "1", between(0, 5)),
                  row("a.y", "text", "u", one_of({"u", "v"})),
                  {"seed", "integer", "1", at_least(0), "Either | or.", "eq. 2"}});
  const std::string page = options_markdown(table);
  EXPECT_THAT(page, testing::HasSubstr("## Whole program\n\n| option | type"));
  EXPECT_THAT(page, testing::HasSubstr("| `seed` | integer | `1` | of at least 0 | Either \\| or. | eq. 2 |\n"));
  EXPECT_THAT(page, testing::HasSubstr("| `b.x` | integer | `1` | from 0 to 5 | A description. |  |\n"));
  EXPECT_THAT(page, testing::HasSubstr("| `a.y` | text | `u` | u, v | A description. |  |\n"));
  EXPECT_LT(page.find("## `a`"), page.find("## `b`"));
}

}  // namespace
}  // namespace llama4rec::config
