// Answers that no grammar bound: what is read, what is repaired, what is no answer.
#include "llm/remote/answer_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llama4rec::llm {
namespace {

using ::testing::IsEmpty;

AnswerGrammar films() {
  return {.kind = AnswerKind::kPermutation,
          .options = {"Heat (1995)", "Alien (1979)", "12 Monkeys (1995)", "Good, the Bad and the Ugly, The (1966)"},
          .separator = "; "};
}

AnswerGrammar choice(std::vector<std::string> options) {
  return {.kind = AnswerKind::kChoice, .options = std::move(options), .separator = ""};
}

void expect_order(const AnswerGrammar& grammar, const std::string& text, const std::vector<std::int64_t>& order,
                  bool repaired) {
  const auto answer = parse_answer(grammar, text);
  EXPECT_EQ(answer.order, order) << text << ": " << answer.problem;
  EXPECT_EQ(answer.repaired, repaired) << text;
}

TEST(RemoteAnswerParser, AnExactAnswerIsNoRepair) {
  expect_order(films(), "Alien (1979); Heat (1995); Good, the Bad and the Ugly, The (1966); 12 Monkeys (1995)",
               {1, 0, 3, 2}, false);
  expect_order(
      films(),
      " {\"answer\": [\"Alien (1979)\", \"Heat (1995)\", \"12 Monkeys (1995)\", \"Good, the Bad and the Ugly, The "
      "(1966)\"]}\n",
      {1, 0, 2, 3}, false);
  expect_order(choice({"1", "2", "3"}), "2\n", {1}, false);
  expect_order(choice({"1", "2", "3"}), "{\"answer\": \"3\"}", {2}, false);
}

TEST(RemoteAnswerParser, ReadsNumberedLinesBulletsQuotesAndOtherCase) {
  expect_order(
      films(),
      "1. heat (1995)\n2) \"Alien (1979)\"\n(3) **12 Monkeys (1995)**\n- Good, the Bad and the Ugly, The (1966)",
      {0, 1, 2, 3}, true);
  expect_order(
      films(),
      "Here is my ranking:\n\n1. 12 Monkeys (1995)\n2. Heat (1995)\n3. Alien (1979).\n4. Good, the Bad and the "
      "Ugly, The (1966)\n\nEnjoy!",
      {2, 0, 1, 3}, true);
}

TEST(RemoteAnswerParser, ANumberThatBeginsATitleIsNotTakenForNumbering) {
  expect_order(films(), "12 Monkeys (1995); Heat (1995); Alien (1979); Good, the Bad and the Ugly, The (1966)",
               {2, 0, 1, 3}, false);
  const AnswerGrammar numbers{
      .kind = AnswerKind::kPermutation, .options = {"1. FC Nurnberg", "FC Nurnberg"}, .separator = "; "};
  expect_order(numbers, "FC Nurnberg; 1. FC Nurnberg", {1, 0}, false);
}

TEST(RemoteAnswerParser, ReadsCommasAndTitlesThatHoldThem) {
  expect_order(films(), "Heat (1995), Good, the Bad and the Ugly, The (1966), Alien (1979), 12 Monkeys (1995)",
               {0, 3, 1, 2}, true);
  const AnswerGrammar semicolons{
      .kind = AnswerKind::kPermutation, .options = {"Steins; Gate", "Gate", "Steins"}, .separator = "; "};
  expect_order(semicolons, "Gate; Steins; Gate; Steins", {1, 0, 2}, false);
}

TEST(RemoteAnswerParser, OfARepeatedOptionTheFirstMentionCountsAndMissingOnesFollow) {
  expect_order(films(), "Alien (1979); Alien (1979); Heat (1995); Alien (1979)", {1, 0, 2, 3}, true);
  expect_order(films(), "12 Monkeys (1995); Jaws (1975); Alien (1979)", {2, 1, 0, 3}, true);
}

TEST(RemoteAnswerParser, FewerThanHalfOfTheOptionsIsNoAnswer) {
  for (const char* text : {"", "I cannot rank films.", "Alien (1979)", "[]", "{}", "null", "[1, 2, {\"a\": []}]",
                           "{\"answer\":", "\xFF\xFE"}) {
    const auto answer = parse_answer(films(), text);
    EXPECT_THAT(answer.order, IsEmpty()) << text;
    EXPECT_FALSE(answer.problem.empty()) << text;
  }
}

TEST(RemoteAnswerParser, TheFirstFewMayBeAllThatIsAskedFor) {
  auto grammar = films();
  grammar.generate_first = 1;
  expect_order(grammar, "12 Monkeys (1995)", {2, 0, 1, 3}, false);
  expect_order(grammar, "\"12 monkeys (1995)\"", {2, 0, 1, 3}, true);
}

TEST(RemoteAnswerParser, ReadsJsonInAFence) {
  const AnswerGrammar two{.kind = AnswerKind::kPermutation, .options = {"a", "b"}, .separator = "; "};
  expect_order(two, "```json\n[\"b\", \"a\"]\n```", {1, 0}, false);
  expect_order(two, "[{\"title\": \"b\"}, {\"title\": \"a\"}]", {1, 0}, false);
}

TEST(RemoteAnswerParser, AChoiceMayStandInASentenceAlone) {
  const auto ratings = choice({"1", "2", "3", "4", "5"});
  expect_order(ratings, "Rating: 4", {3}, true);
  expect_order(ratings, "I would say 5.", {4}, true);
  expect_order(ratings, "4.0", {3}, true);
  expect_order(ratings, "**3**", {2}, true);
  for (const char* text : {"4/5", "between 3 and 4", "45", "3.5", "", "four", "2,5 stars"}) {
    EXPECT_THAT(parse_answer(ratings, text).order, IsEmpty()) << text;
  }
  expect_order(choice({"3", "3.5", "4"}), "I rate it 3.5 stars", {1}, true);
  expect_order(choice({"Star Wars", "Star"}), "My pick is Star Wars!", {0}, true);
}

TEST(RemoteAnswerParser, OptionsThatDifferInCaseAloneMustBeWrittenExactly) {
  const auto cases = choice({"It", "IT"});
  expect_order(cases, "IT", {1}, false);
  EXPECT_THAT(parse_answer(cases, "it").order, IsEmpty());
}

TEST(RemoteAnswerParser, FreeTextIsAnAnswerWithoutAnOrder) {
  const auto answer = parse_answer({}, "anything");
  EXPECT_THAT(answer.order, IsEmpty());
  EXPECT_TRUE(answer.problem.empty());
}

TEST(RemoteAnswerParser, LongAnswersAreReadInReasonableTime) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "Jaws (1975); ";
  EXPECT_THAT(parse_answer(films(), text).order, IsEmpty());
  EXPECT_THAT(parse_answer(choice({"1", "2"}), text).order, IsEmpty());
}

TEST(RemoteAnswerParser, WritesTheCanonicalAnswer) {
  EXPECT_EQ(canonical_answer(films(), {1, 0}), "Alien (1979); Heat (1995)");
}

}  // namespace
}  // namespace llama4rec::llm
