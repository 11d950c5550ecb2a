// What a template says, and how it is told what is wrong with one.
#include "prompts/template_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec::prompts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::map<std::string, std::string> kConstants{{"noun", "film"}, {"lowest", "1"}, {"highest", "5"}};

TemplatePieces pieces_of(const std::string& text, TemplateKind kind = TemplateKind::kRanking) {
  return parse_template({.name = "t.txt", .text = text}, kind, kConstants);
}

/// The pieces as words: texts in quotes, parts by number, those of a section with its part.
std::vector<std::string> shown(const TemplatePieces& pieces) {
  std::vector<std::string> result;
  for (const auto& piece : pieces) {
    std::string word = piece.part == Part::kText ? piece.text : "#" + std::to_string(static_cast<int>(piece.part));
    if (piece.shown_with) word += " if #" + std::to_string(static_cast<int>(*piece.shown_with));
    result.push_back(word);
  }
  return result;
}

std::string refusal(const std::string& text, TemplateKind kind = TemplateKind::kRanking) {
  try {
    (void)pieces_of(text, kind);
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TemplateText, TextsEndAtPartsAndAtBordersOfSections) {
  EXPECT_THAT(shown(pieces_of("Sort {{noun}}s.\n[[rank: {{candidates}} all]]liked: {{ history }}go")),
              ElementsAre("Sort films.\n", "rank:  if #3", "#3 if #3", " all if #3", "liked: ", "#1", "go"));
  EXPECT_THAT(shown(pieces_of("{{lowest}}-{{highest}} ratings: {{ratings}}{{target}}", TemplateKind::kRating)),
              ElementsAre("1-5 ratings: ", "#5", "#8"));
}

TEST(TemplateText, SingleBracesAndBracketsAreText) {
  EXPECT_THAT(shown(pieces_of("{a} [b] ]}: {{history}}[[{{candidates}}]]")),
              ElementsAre("{a} [b] ]}: ", "#1", "#3 if #3"));
}

TEST(TemplateText, AHeadingIsTheLastLineBeforeTheHistory) {
  const auto heading = [](const std::string& text) {
    return heading_of(pieces_of(text + "{{history}}[[{{candidates}}]]"), Part::kHistory);
  };
  EXPECT_EQ(heading("liked: "), "liked: ");
  EXPECT_EQ(heading("Do this.\nliked: "), "\nliked: ");
  EXPECT_EQ(heading("Do this.\n\nliked:\n"), "\nliked:\n");
  EXPECT_EQ(heading("\n"), "\n");
  EXPECT_EQ(heading_of(pieces_of("a\n[[b {{candidates}}]][[\nc {{history}}]]"), Part::kHistory), "\nc ");
}

TEST(TemplateText, WhatIsWrongIsToldWithItsPlaceAndWhatWasExpected) {
  const std::string good = "liked: {{history}}\n[[rank: {{candidates}}]]\n";
  ASSERT_EQ(refusal(good), "accepted");
  const std::vector<std::pair<std::string, std::string>> wrong{
      {good + "a {{titel}}",
       "t.txt:3:3: unknown placeholder {{titel}}, expected one of {{history}}, {{candidates}}, {{similar_history}}, "
       "{{hint}}, "},
      {good + "{{}}", "t.txt:3:1: unknown placeholder {{}}, expected one of "},
      {good + "{{ratings}}", "t.txt:3:1: unknown placeholder {{ratings}}, expected one of "},
      {good + "ab {{hint", "t.txt:3:4: \"{{hint\" is not closed, expected }} on the same line"},
      {good + "{{hint\n}}", "t.txt:3:1: \"{{hint\" is not closed, expected }} on the same line"},
      {good + "{{", "t.txt:3:1: \"{{\" is not closed"},
      {good + "hint}}", "t.txt:3:5: }} ends no placeholder, expected {{ before it"},
      {good + "[[{{hint}}\n", "t.txt:3:1: the section is not closed, expected ]] behind it"},
      {good + "\n]]", "t.txt:4:1: ]] ends no section, expected [[ before it"},
      {good + "[[a [[{{hint}}]]]]", "t.txt:3:5: [[ within a section, expected ]] before it"},
      {good + "[[text {{noun}}]]",
       "t.txt:3:1: a section without a part, expected one of {{history}}, {{candidates}}, {{similar_history}}, "
       "{{hint}}"},
      {good + "[[{{hint}}{{candidates}}]]",
       "t.txt:3:11: {{candidates}} in the section of {{hint}}, expected a section of its own"},
      {good + "{{hint}}",
       "t.txt:3:1: {{hint}} outside of a section, expected it in one that is left out where there is nothing to show, "
       "such as \"[[hint: {{hint}}]]\""},
      {good + "[[hint: {{hint}}]]{{history}}",
       "t.txt:3:19: {{history}} has no text right before it, expected a heading, such as \"liked: {{history}}\""},
      {"{{history}}", "t.txt:1:1: {{history}} has no text right before it"},
      {"[[rank: {{candidates}}]]", "t.txt: {{history}} is missing, expected it somewhere, such as \"liked: "},
      {"liked: {{history}}",
       "t.txt: {{candidates}} is missing, expected it somewhere, such as \"[[rank: {{candidates}}]]\""}};
  for (const auto& [text, message] : wrong) {
    EXPECT_THAT(refusal(text), StartsWith(message)) << text;
    EXPECT_EQ(refusal(text).find('\n'), std::string::npos) << "one line";
  }
  const std::string rating = "ratings: {{ratings}}";
  EXPECT_EQ(refusal(rating + "{{target}}", TemplateKind::kRating), "accepted");
  EXPECT_THAT(refusal(rating, TemplateKind::kRating), HasSubstr("{{target}} is missing"));
  EXPECT_THAT(refusal("{{target}}", TemplateKind::kRating), HasSubstr("{{ratings}} is missing"));
  EXPECT_THAT(refusal(rating + "[[{{predicted}}{{target}}]]", TemplateKind::kRating),
              StartsWith("t.txt:1:36: {{target}} in a section, expected it outside"));
  EXPECT_THAT(refusal(rating + "{{history}}", TemplateKind::kRating), HasSubstr("unknown placeholder {{history}}"));
}

TEST(TemplateText, MessagesHoldNoControlCharactersOfTheFile) {
  const auto message = refusal("liked: {{history}}{{\x1b[31m" + std::string(500, 'x') + "}}");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 250U);
}

}  // namespace
}  // namespace llama4rec::prompts
