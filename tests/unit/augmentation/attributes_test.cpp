// Attributes by a language model: declarations, prompts, reading of answers, facts, the whole.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <unistd.h>

#include "augmentation/attribute_augmentation.h"
#include "augmentation/attribute_judge.h"
#include "support/tiny_dataset.h"

namespace llama4rec::augmentation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Values = std::vector<std::string>;

AttributeOptions options(Values attributes, Values examples = {}) {
  AttributeOptions result;
  result.attributes = std::move(attributes);
  result.attribute_examples = std::move(examples);
  return result;
}

std::string usage_error(const AttributeOptions& given) {
  try {
    (void)given.examples();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

TEST(AttributeDeclarations, HaveThreeKinds) {
  const auto declared =
      options({"director", "mood: calm | tense|funny", "page length: number 100 200.5", "user income: low|high"})
          .declarations();
  ASSERT_EQ(declared.size(), 4U);
  EXPECT_EQ(declared[0].name, "director");
  EXPECT_EQ(declared[0].kind, AttributeKind::kFree);
  EXPECT_FALSE(declared[0].of_user);
  EXPECT_EQ(declared[1].kind, AttributeKind::kClosed);
  EXPECT_THAT(declared[1].values, ElementsAre("calm", "tense", "funny"));
  EXPECT_EQ(declared[2].name, "page length");
  EXPECT_EQ(declared[2].kind, AttributeKind::kNumber);
  EXPECT_THAT(declared[2].edges, ElementsAre(100, 200.5));
  EXPECT_EQ(declared[3].name, "income");
  EXPECT_TRUE(declared[3].of_user);
}

TEST(AttributeDeclarations, AreRefusedWithTheTextAndWhatWasExpected) {
  EXPECT_THAT(usage_error(options({": a | b"})), HasSubstr("augmentation.attributes: \": a | b\": expected NAME"));
  EXPECT_THAT(usage_error(options({"mood: calm"})), HasSubstr("at least two values"));
  EXPECT_THAT(usage_error(options({"mood: calm | | b"})), HasSubstr("none empty"));
  EXPECT_THAT(usage_error(options({"mood: calm | Unknown"})), HasSubstr("\"unknown\" is always one"));
  EXPECT_THAT(usage_error(options({"mood: calm | calm"})), HasSubstr("\"calm\" is twice there"));
  EXPECT_THAT(usage_error(options({"pages: number 3 2"})), HasSubstr("ascending numbers"));
  EXPECT_THAT(usage_error(options({"pages: number 3 x"})), HasSubstr("ascending numbers"));
  EXPECT_THAT(usage_error(options({"pages: number"})), HasSubstr("at least one number"));
  EXPECT_THAT(usage_error(options({"a", "a"})), HasSubstr("each attribute once"));
  EXPECT_EQ(usage_error(options({"a", "user a"})), "no UsageError") << "of items and of users";
  EXPECT_THAT(usage_error(options({"a"}, {"a Thing => x"})), HasSubstr("ATTRIBUTE: TEXT => VALUE"));
  EXPECT_THAT(usage_error(options({"a"}, {"a: => x"})), HasSubstr("ATTRIBUTE: TEXT => VALUE"));
  EXPECT_THAT(usage_error(options({"a"}, {"b: Thing => x"})), HasSubstr("an attribute of augmentation.attributes"));
}

AttributeDeclaration free_attribute() { return {.name = "star"}; }

TEST(AttributeAnswers, AreCleanedAndSplit) {
  const auto read = [](const char* answer) { return read_answer(free_attribute(), answer).values; };
  EXPECT_THAT(read(" \"Ada  Stone\".\nIt is well known that"), ElementsAre("Ada Stone"));
  EXPECT_THAT(read("Ada Stone; Bo Reed, Cy Lund / Di Moss and Ed Nye & Fay"),
              ElementsAre("Ada Stone", "Bo Reed", "Cy Lund", "Di Moss", "Ed Nye", "Fay"));
  EXPECT_THAT(read("Ada Stone; ada stone"), ElementsAre("Ada Stone"));
  EXPECT_THAT(read("\n\n Ada"), ElementsAre("Ada"));
  EXPECT_THAT(read("Zo\xC3\xAB B\xC3\xA9"
                   "art"),
              ElementsAre("Zo\xC3\xAB B\xC3\xA9"
                          "art"));
  for (const char* nothing : {"", "  ", "Unknown.", "n/a", "NONE", "not sure", "\"unknown\"", "?"}) {
    EXPECT_THAT(read(nothing), IsEmpty()) << nothing;
  }
  EXPECT_THAT(read("Sandy Anders"), ElementsAre("Sandy Anders")) << "\"and\" is a word of its own";
  EXPECT_THAT(read("Star: Ada Stone"), ElementsAre("Ada Stone"));
  EXPECT_THAT(read("\xE2\x80\x9C"
                   "Ada Stone.\xE2\x80\x9D"),
              ElementsAre("Ada Stone"));
  for (const char* nothing : {"I am not sure about that", "Unknown star", "not known to me"}) {
    EXPECT_THAT(read(nothing), IsEmpty()) << nothing;
  }
  const auto echo = read_answer(free_attribute(), "movie: The glass hill; star: Ada", "The Glass Hill");
  EXPECT_THAT(echo.values, IsEmpty());
  EXPECT_TRUE(echo.unreadable);
  const auto endless = read_answer(free_attribute(), std::string(200, 'x'));
  EXPECT_TRUE(endless.unreadable);
  EXPECT_THAT(endless.values, IsEmpty());
  EXPECT_TRUE(read_answer(free_attribute(), "\xFF\xFE").unreadable);
}

TEST(AttributeAnswers, OfAClosedListAreItsValues) {
  const AttributeDeclaration mood{.name = "mood", .kind = AttributeKind::kClosed, .values = {"Calm", "very tense"}};
  EXPECT_THAT(read_answer(mood, " calm. ").values, ElementsAre("Calm"));
  EXPECT_THAT(read_answer(mood, "Very  Tense").values, ElementsAre("very tense"));
  EXPECT_THAT(read_answer(mood, "unknown").values, IsEmpty());
  EXPECT_FALSE(read_answer(mood, "unknown").unreadable);
  EXPECT_TRUE(read_answer(mood, "calm and tense").unreadable);
}

TEST(AttributeAnswers, WithANumberGoIntoItsBin) {
  const AttributeDeclaration pages{.name = "pages", .kind = AttributeKind::kNumber, .edges = {100, 300, 1000}};
  const auto read = [&](const char* answer) { return cell_text(read_answer(pages, answer).values); };
  EXPECT_EQ(read("about 320 pages"), "300-1000");
  EXPECT_EQ(read("99.9"), "below 100");
  EXPECT_EQ(read("100"), "100-300");
  EXPECT_EQ(read("1,234 pages"), "1000 or more");
  EXPECT_EQ(read("-5"), "below 100");
  EXPECT_EQ(read("hard-320"), "300-1000") << "a hyphen";
  EXPECT_EQ(read("1,2345"), "below 100") << "two numbers";
  EXPECT_EQ(read("12,345"), "1000 or more");
  EXPECT_EQ(read("unknown"), "");
  EXPECT_FALSE(read_answer(pages, "unknown").unreadable);
  EXPECT_TRUE(read_answer(pages, "many").unreadable);
}

TEST(AttributeSpelling, TakesTheMostFrequentOne) {
  std::vector<Values> cells = {{"Ada Stone"}, {"Ada Stonee"}, {"ada stone", "Bo"}, {"Ada Stone"}, {"Bob"},
                               {"Ed"},        {"Ad"}};
  EXPECT_EQ(spell_alike(cells), 2);
  EXPECT_THAT(cells, ElementsAre(Values{"Ada Stone"}, Values{"Ada Stone"}, Values{"Ada Stone", "Bo"},
                                 Values{"Ada Stone"}, Values{"Bob"}, Values{"Ed"}, Values{"Ad"}))
      << "short names are different ones";
  std::vector<Values> two = {{"Christopher Reed"}, {"Kristopher Reed"}, {"Christofer Reed"}, {"Christopher Reed"}};
  EXPECT_EQ(spell_alike(two), 1);
  EXPECT_THAT(two[1], ElementsAre("Kristopher Reed")) << "another first letter";
  EXPECT_THAT(two[2], ElementsAre("Christopher Reed"));
  std::vector<Values> years = {{"1994-1995"}, {"1994-1996"}};
  EXPECT_EQ(spell_alike(years), 0) << "numbers are not misspelled";
  std::vector<Values> both = {{"Ada Stone", "ADA STONE"}, {"Ada Stone"}};
  EXPECT_EQ(spell_alike(both), 1);
  EXPECT_THAT(both[0], ElementsAre("Ada Stone"));
}

/// Three users, four items with titles, genres; user 1 has an age.
Dataset small() {
  auto dataset = llama4rec::testing::tiny_dataset({{{0, 5.0F}}, {{1, 4.0F}}, {{2, 3.0F}}}, 4);
  dataset.item_titles = {"The Glass Hill", "Seven Rivers", "Night Ferry", "Slow Dust"};
  dataset.item_attributes = {.names = {"genres", "year"},
                             .values = {{"Drama|Crime", "", "Comedy", "Drama"}, {"1990", "1991", "", "1993"}}};
  dataset.user_attributes = {.names = {"age"}, .values = {{"", "31", "50"}}};
  return dataset;
}

class Facts : public ::testing::Test {
 protected:
  Facts()
      : file_(std::filesystem::temp_directory_path() / ("llama4rec-facts-" + std::to_string(::getpid()) + ".csv")) {}
  ~Facts() override { std::filesystem::remove(file_); }
  AttributeFacts read(const std::string& text) {
    std::ofstream(file_, std::ios::binary) << text;
    return read_facts(file_, small());
  }
  std::string error(const std::string& text) {
    try {
      read(text);
    } catch (const DataError& failure) {
      return std::string(failure.what()).substr(file_.string().size());
    }
    return "no DataError";
  }
  std::filesystem::path file_;
};

TEST_F(Facts, AreReadByIdAndColumn) {
  const auto facts = read("item_id,star,mood\ni2,\"Stone, Ada\",calm\ni0,,tense\nnobody,x,y\n");
  EXPECT_FALSE(facts.of_users);
  EXPECT_THAT(facts.cells.at("star"), ElementsAre("", "", "Stone, Ada", ""));
  EXPECT_THAT(facts.cells.at("mood"), ElementsAre("tense", "", "calm", ""));
  EXPECT_EQ(facts.unknown_ids, 1);
  EXPECT_TRUE(read("user_id,income\nu1,low\n").of_users);
}

TEST_F(Facts, OfAMalformedTableAreRefusedWithTheirPlace) {
  EXPECT_THAT(error("id,star\ni0,x\n"), HasSubstr(":1:1: the first column is \"id\", expected item_id or user_id"));
  EXPECT_THAT(error("item_id\ni0\n"), HasSubstr("no column of an attribute"));
  EXPECT_THAT(error("item_id,star,star\ni0,x,y\n"), HasSubstr("\"star\" is there twice"));
  EXPECT_THAT(error("item_id,star\ni0\n"), HasSubstr(":2:"));
  EXPECT_THAT(error("item_id,star\ni0,x\ni0,y\n"), HasSubstr(":3:1: the id \"i0\" is there twice"));
  EXPECT_THAT(error("item_id,star\ni0,\"x\n"), HasSubstr(":2:"));
  EXPECT_NE(error(""), "no DataError");
}

TEST_F(Facts, AgreeWhereAValueIsShared) {
  const auto agreement = compare_with_facts(small(), false, "star", {"Ada|Bo", "", "cy", "Di"}, {"bo", "Ed", "Di", ""});
  EXPECT_EQ(agreement.agree, 1);
  EXPECT_EQ(agreement.unknown, 1);
  EXPECT_EQ(agreement.wrong, 1);
  ASSERT_EQ(agreement.disagreements.size(), 1U);
  EXPECT_EQ(agreement.disagreements[0].title, "Night Ferry");
  EXPECT_EQ(agreement.disagreements[0].answer, "cy");
}

TEST_F(Facts, DisagreementsGoToAPersonAndComeBack) {
  auto agreement = compare_with_facts(small(), false, "star", {"a \"b\", c", "x", "y", ""}, {"d", "e", "f", "g"});
  EXPECT_EQ(agreement.wrong, 3);
  auto judged = agreement.disagreements;
  judged[0].verdict = "Agree";
  judged[1].verdict = "unknown";
  std::ofstream(file_, std::ios::binary) << disagreements_csv(judged);
  const auto again = with_verdicts(agreement, read_disagreements(file_));
  EXPECT_EQ(again.agree, 1);
  EXPECT_EQ(again.unknown, 2) << "one without an answer, one by verdict";
  EXPECT_EQ(again.wrong, 1);
  EXPECT_EQ(again.compared(), agreement.compared());
  EXPECT_EQ(again.disagreements[0].verdict, "agree");
  std::ofstream(file_, std::ios::binary) << "id,title,attribute,answer,fact,verdict\na,b,c,d,e,perhaps\n";
  EXPECT_THROW(read_disagreements(file_), DataError);
  std::ofstream(file_, std::ios::binary) << "id,title\na,b\n";
  EXPECT_THROW(read_disagreements(file_), DataError);
}

TEST(AttributePrompts, ShowExamplesThenTheItem) {
  const Dataset dataset = small();
  const prompts::ItemTexts texts(dataset);
  const auto given =
      options({"mood: calm | tense", "user income"}, {"mood: Old Road; genres: Crime => tense", "income: x => low"});
  const AttributeSources sources{.dataset = dataset, .texts = texts, .liked = {{}, {0, 2}}};
  const auto declared = given.declarations();
  const auto request = attribute_request(sources, declared[0], given.examples(), 0);
  EXPECT_EQ(request.prompt.joined(),
            "movie: Old Road; genres: Crime; mood: tense\n"
            "movie: The Glass Hill; genres: Drama, Crime; year: 1990; mood: ");
  EXPECT_EQ(request.grammar.kind, AnswerKind::kChoice);
  EXPECT_THAT(request.grammar.options, ElementsAre("calm", "tense", "unknown"));
  const auto of_user = attribute_request(sources, declared[1], given.examples(), 1);
  EXPECT_EQ(of_user.prompt.joined(),
            "user: x; income: low\nuser: number 2; age: 31; liked: The Glass Hill, Night Ferry; income: ");
  EXPECT_EQ(of_user.grammar.kind, AnswerKind::kFreeText);
  EXPECT_LE(of_user.maximum_tokens, 32);
  AttributeFacts facts;
  facts.cells["mood"] = {"", "calm", "", ""};
  AttributeSources grounded = sources;
  grounded.facts = &facts;
  grounded.verbose = true;
  EXPECT_EQ(attribute_request(grounded, declared[0], {}, 1).prompt.joined(),
            "Name the mood of the movie in the last line, or answer unknown.\nIt is one of: calm, tense.\n"
            "movie: Seven Rivers; year: 1991; known mood: calm; mood: ");
}

/// Answers by what stands last in the prompt before the attribute.
class Oracle final : public LanguageModel {
 public:
  explicit Oracle(std::map<std::string, std::string> answers) : answers_(std::move(answers)) {}
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    std::vector<Completion> result;
    for (const auto& request : requests) {
      const auto prompt = request.prompt.joined();
      asked.push_back(prompt);
      Completion answer;
      for (const auto& [part, text] : answers_) {
        if (prompt.find(part) != std::string::npos) answer.text = text;
      }
      if (answer.text == "DROPPED") answer.outcome = AnswerOutcome::kDropped;
      result.push_back(answer);
    }
    return result;
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string&) const override { return 1; }
  [[nodiscard]] std::int64_t context_length() const override { return 1000; }
  [[nodiscard]] std::string fingerprint() const override { return "oracle"; }
  Values asked;

 private:
  std::map<std::string, std::string> answers_;
};

class Generation : public ::testing::Test {
 protected:
  std::vector<GeneratedAttribute> generate(const AttributeFacts* facts, FactsUse use) {
    return generate_attributes({.dataset = dataset_, .texts = texts_, .liked = {}},
                               options({"star", "user income: low | high"}).declarations(), {}, facts, use, model_, {});
  }
  Dataset dataset_ = small();
  prompts::ItemTexts texts_{dataset_};
  Oracle model_{{{"Glass Hill", "Ada Stone"},
                 {"Seven Rivers", "\"ada stone\"\nand more"},
                 {"Night Ferry", "unknown"},
                 {"Slow Dust", "DROPPED"},
                 {"age: 31", "high"},
                 {"age: 50", "rich"}}};
};

TEST_F(Generation, AsksForEverythingAndCountsWhatCameBack) {
  const auto made = generate(nullptr, FactsUse::kReplace);
  EXPECT_EQ(model_.asked.size(), 7U);
  ASSERT_EQ(made.size(), 2U);
  EXPECT_THAT(made[0].cells, ElementsAre("Ada Stone", "Ada Stone", "", ""));
  EXPECT_EQ(made[0].account.asked, 4);
  EXPECT_EQ(made[0].account.answered, 2);
  EXPECT_EQ(made[0].account.unknown, 1);
  EXPECT_EQ(made[0].account.unreadable, 1) << "no answer";
  EXPECT_EQ(made[0].account.respelled, 1);
  EXPECT_EQ(made[0].account.distinct, 1);
  EXPECT_THAT(made[1].cells, ElementsAre("", "high", ""));
  EXPECT_EQ(made[1].account.unreadable, 1);
  EXPECT_FALSE(made[0].agreement.has_value());
  const auto items = with_generated(dataset_.item_attributes, made, false);
  EXPECT_THAT(items.names, ElementsAre("genres", "year", "star (generated)"));
  EXPECT_EQ(items.values[2], made[0].cells);
  EXPECT_THAT(with_generated(dataset_.user_attributes, made, true).names, ElementsAre("age", "income (generated)"));
}

TEST_F(Generation, LetsFactsReplaceGroundOrCompare) {
  AttributeFacts facts;
  facts.cells["star"] = {"Bo Reed; Cy Lund", "", "Di Moss", ""};
  auto made = generate(&facts, FactsUse::kReplace);
  EXPECT_EQ(model_.asked.size(), 5U);
  EXPECT_THAT(made[0].cells, ElementsAre("Bo Reed|Cy Lund", "ada stone", "Di Moss", ""));
  EXPECT_EQ(made[0].account.known, 2);
  EXPECT_EQ(made[0].account.asked, 2);
  model_.asked.clear();
  made = generate(&facts, FactsUse::kGround);
  EXPECT_EQ(model_.asked.size(), 7U);
  EXPECT_THAT(model_.asked[0], HasSubstr("known star: Bo Reed; Cy Lund; star: "));
  EXPECT_FALSE(made[0].agreement.has_value()) << "it was told";
  model_.asked.clear();
  made = generate(&facts, FactsUse::kCompare);
  EXPECT_EQ(model_.asked.size(), 7U);
  EXPECT_THAT(model_.asked[0], ::testing::Not(HasSubstr("Bo Reed")));
  ASSERT_TRUE(made[0].agreement.has_value());
  EXPECT_EQ(made[0].agreement->wrong, 1);
  EXPECT_EQ(made[0].agreement->unknown, 1);
  EXPECT_EQ(made[0].agreement->disagreements[0].fact, "Bo Reed|Cy Lund");
}

TEST_F(Generation, IsReadBackFromJson) {
  AttributeFacts facts;
  facts.cells["star"] = {"Bo", "", "Di", ""};
  const auto made = generate(&facts, FactsUse::kCompare);
  const auto again = attributes_from_json(nlohmann::json::parse(to_json(made).dump()));
  EXPECT_EQ(to_json(again).dump(), to_json(made).dump());
  EXPECT_EQ(again[0].cells, made[0].cells);
  EXPECT_EQ(again[0].agreement->disagreements[0].fact, "Bo");
}

/// Says yes to Ada, no to Bo, nothing that can be read to Di.
class Judge final : public LanguageModel {
 public:
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    std::vector<Completion> result;
    for (const auto& request : requests) {
      const auto prompt = request.prompt.joined();
      asked.push_back(prompt);
      EXPECT_THAT(request.grammar.options, ElementsAre("yes", "no", "unknown"));
      Completion answer;
      const bool ada = prompt.find("Ada") != std::string::npos;
      const bool bo = prompt.find("Bo") != std::string::npos;
      answer.order = {ada ? 0 : bo ? 1 : 2};
      if (prompt.find("Di") != std::string::npos) answer = {.text = "", .outcome = AnswerOutcome::kDropped};
      result.push_back(answer);
    }
    return result;
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string&) const override { return 1; }
  [[nodiscard]] std::int64_t context_length() const override { return 1000; }
  [[nodiscard]] std::string fingerprint() const override { return "judge"; }
  Values asked;
};

TEST_F(Facts, OfAJudgeAreYesNoAndUndecided) {
  const Dataset dataset = small();
  const prompts::ItemTexts texts(dataset);
  Judge judge;
  auto agreement = judge_attribute({.dataset = dataset, .texts = texts, .liked = {}}, {.name = "star"},
                                   {"Ada|Cy", "Bo", "", "Di"}, {3, 2, 1, 0}, judge, {});
  ASSERT_EQ(judge.asked.size(), 3U) << "nothing is not asked about";
  EXPECT_EQ(
      judge.asked[2],
      "movie: The Glass Hill; genres: Drama, Crime; year: 1990; claimed star: Ada, Cy; right (yes, no or unknown): ");
  EXPECT_EQ(agreement.agree, 1);
  EXPECT_EQ(agreement.wrong, 1);
  EXPECT_EQ(agreement.unknown, 1);
  EXPECT_EQ(agreement.undecided, 1);
  // A person decides what the judge could not.
  std::ofstream(file_, std::ios::binary) << disagreements_csv(agreement.disagreements);
  auto judged = read_disagreements(file_);
  for (auto& it : judged) it.verdict = it.answer == "Di" ? "agree" : "";
  agreement = with_verdicts(agreement, judged);
  EXPECT_EQ(agreement.agree, 2);
  EXPECT_EQ(agreement.undecided, 0);
  EXPECT_EQ(agreement.wrong, 1);
  EXPECT_EQ(agreement.compared(), 4);
}

TEST(AttributeControl, DealsTheSameCellsAnew) {
  GeneratedAttribute attribute{.name = "a", .of_user = false, .cells = {}, .account = {}, .agreement = {}};
  for (int n = 0; n < 50; ++n) attribute.cells.push_back(std::to_string(n % 7));
  const auto dealt = dealt_anew({attribute}, 3);
  EXPECT_NE(dealt[0].cells, attribute.cells);
  EXPECT_EQ(dealt[0].cells, dealt_anew({attribute}, 3)[0].cells);
  EXPECT_TRUE(std::is_permutation(dealt[0].cells.begin(), dealt[0].cells.end(), attribute.cells.begin()));
}

}  // namespace
}  // namespace llama4rec::augmentation
