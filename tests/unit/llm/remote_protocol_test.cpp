// Requests and responses of the OpenAI API, and the forms in which servers take constraints.
#include <cmath>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "llm/remote/openai_protocol.h"
#include "llm/remote/server_model.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CompletionRequest ranking_request(std::vector<std::string> options) {
  return {.prompt = {{"Rank: ", "x"}},
          .grammar = {.kind = AnswerKind::kPermutation, .options = std::move(options), .separator = "; "}};
}

CompletionRequest rating_request() {
  return {.prompt = {{"Rate it: "}},
          .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3"}, .separator = ""}};
}

json body_of(const RequestForm& form, const CompletionRequest& request) {
  return json::parse(request_body(form, request, 40));
}

TEST(RemoteProtocol, WritesChatRequests) {
  RequestForm form{.model = "m", .temperature = 0.5, .system_prompt = "be brief"};
  const auto body = body_of(form, ranking_request({"a", "b"}));
  EXPECT_EQ(body, json::parse(R"({"model": "m", "temperature": 0.5, "max_tokens": 40, "messages": [
      {"role": "system", "content": "be brief"}, {"role": "user", "content": "Rank: x"}]})"));
  EXPECT_EQ(request_path(form), "/chat/completions");
  form.token_limit_field = "max_completion_tokens";
  EXPECT_EQ(body_of(form, rating_request())["max_completion_tokens"], 40);
  EXPECT_FALSE(body_of(form, rating_request()).contains("max_tokens"));
}

TEST(RemoteProtocol, WritesPlainCompletions) {
  const RequestForm form{.model = "m", .chat = false, .top_log_probabilities = 5};
  EXPECT_EQ(request_path(form), "/completions");
  EXPECT_EQ(
      body_of(form, rating_request()),
      json::parse(R"({"model": "m", "temperature": 0.0, "max_tokens": 40, "prompt": "Rate it: ", "logprobs": 5})"));
  EXPECT_FALSE(body_of(form, ranking_request({"a", "b"})).contains("logprobs")) << "only where they can be read";
}

TEST(RemoteProtocol, TextThatIsNoUtf8IsSentAllTheSame) {
  const RequestForm form{.model = "m"};
  EXPECT_EQ(body_of(form, {.prompt = {{"caf\xE9"}}})["messages"][0]["content"], "caf\xEF\xBF\xBD");
}

/// vLLM wants exactly one member of the object, and has had none of the guided_* fields since 0.12.
TEST(RemoteProtocol, BindsAnswersInTheFormOfNewerVllm) {
  const RequestForm form{.model = "m", .constraint = ConstraintKind::kStructuredOutputs};
  EXPECT_EQ(body_of(form, rating_request())["structured_outputs"], json::parse(R"({"choice": ["1", "2", "3"]})"));
  const auto two = body_of(form, ranking_request({"a", "b"}));
  EXPECT_EQ(two["structured_outputs"], json::parse(R"({"choice": ["a; b", "b; a"]})"));
  EXPECT_EQ(two.size(), 5U) << "model, messages, temperature, max_tokens and the constraint: " << two;
  auto first = ranking_request({"a", "b", "c", "d"});
  const auto four = body_of(form, first);
  EXPECT_EQ(four["structured_outputs"].size(), 1U);
  EXPECT_EQ(four["structured_outputs"]["grammar"], answer_gbnf(first.grammar));
  EXPECT_EQ(four["messages"][0]["content"], "Rank: x") << "a grammar's answers are no JSON, and none is asked for";
  first.grammar.generate_first = 1;
  EXPECT_EQ(body_of(form, first)["structured_outputs"], json::parse(R"({"choice": ["a", "b", "c", "d"]})"));
  EXPECT_FALSE(body_of(form, {.prompt = {{"x"}}}).contains("structured_outputs")) << "free text is free";
  EXPECT_EQ(constraint_from("structured_outputs"), ConstraintKind::kStructuredOutputs);
}

TEST(RemoteProtocol, BindsAnswersInTheFormOfEachEngine) {
  RequestForm form{.model = "m", .constraint = ConstraintKind::kGuidedChoice};
  EXPECT_THAT(body_of(form, rating_request())["guided_choice"], ElementsAre("1", "2", "3"));
  EXPECT_THAT(body_of(form, ranking_request({"a", "b"}))["guided_choice"], ElementsAre("a; b", "b; a"));
  const auto many = body_of(form, ranking_request({"a", "b", "c", "d"}));
  EXPECT_EQ(many["guided_json"]["properties"]["answer"]["minItems"], 4);
  EXPECT_THAT(many["messages"][0]["content"].get<std::string>(), HasSubstr("JSON"));
  auto pair = ranking_request({"a", "b"});
  pair.grammar.generate_first = 1;
  EXPECT_THAT(body_of(form, pair)["guided_choice"], ElementsAre("a", "b"));

  form.constraint = ConstraintKind::kResponseFormat;
  const auto body = body_of(form, rating_request());
  EXPECT_EQ(body["response_format"],
            json::parse(R"({"type": "json_schema", "json_schema": {"name": "answer", "strict": true,
      "schema": {"type": "object", "properties": {"answer": {"type": "string", "enum": ["1", "2", "3"]}},
                 "required": ["answer"], "additionalProperties": false}}})"));

  form.constraint = ConstraintKind::kNative;
  EXPECT_EQ(
      body_of(form, ranking_request({"a", "b"}))["llama4rec"],
      json::parse(R"({"segments": ["Rank: ", "x"], "kind": "permutation", "options": ["a", "b"], "separator": "; ",
                            "generate_first": 0})"));
  form.constraint = ConstraintKind::kNone;
  EXPECT_EQ(body_of(form, rating_request()).size(), 4U);
}

/// Every text that a GBNF grammar of literals, alternatives and rules without recursion allows.
std::vector<std::string> language_of(const std::map<std::string, std::string>& rules, const std::string& rule) {
  std::vector<std::string> texts;
  for (const auto alternative : text::split(rules.at(rule), " | ")) {
    std::vector<std::string> ways{""};
    const std::regex part(R"re("((?:[^"\\]|\\.)*)"|([a-z0-9-]+))re");
    const std::string sequence(alternative);
    for (std::sregex_iterator it(sequence.begin(), sequence.end(), part), end; it != end; ++it) {
      std::vector<std::string> next;
      const auto tails = (*it)[2].matched ? language_of(rules, (*it)[2]) : std::vector<std::string>{(*it)[1]};
      for (const auto& way : ways) {
        for (const auto& tail : tails) next.push_back(way + tail);
      }
      ways = next;
    }
    texts.insert(texts.end(), ways.begin(), ways.end());
  }
  return texts;
}

std::vector<std::string> language_of(const std::string& gbnf) {
  std::map<std::string, std::string> rules;
  for (const auto line : text::split(gbnf, "\n")) {
    const auto place = line.find(" ::= ");
    if (place != std::string_view::npos)
      rules[std::string(line.substr(0, place))] = std::string(line.substr(place + 5));
  }
  return language_of(rules, "root");
}

TEST(RemoteProtocol, AGrammarOfFewOptionsAllowsEveryPermutationAndNothingElse) {
  EXPECT_THAT(language_of(answer_gbnf(ranking_request({"a", "b", "c"}).grammar)),
              ::testing::UnorderedElementsAre("a; b; c", "a; c; b", "b; a; c", "b; c; a", "c; a; b", "c; b; a"));
  EXPECT_EQ(language_of(answer_gbnf(ranking_request({"1", "2", "3", "4", "5", "6"}).grammar)).size(), 720U);
  EXPECT_THAT(language_of(answer_gbnf(rating_request().grammar)), ElementsAre("1", "2", "3"));
}

TEST(RemoteProtocol, AGrammarOfManyOptionsAllowsTheirNumberAndIsSmall) {
  std::vector<std::string> options;
  for (char c = 'a'; c <= 'z'; ++c) options.emplace_back(1, c);
  const auto gbnf = answer_gbnf(ranking_request(options).grammar);
  EXPECT_LT(gbnf.size(), 2000U);
  const auto rule = gbnf.substr(0, gbnf.find('\n'));
  EXPECT_EQ(text::split(rule, "option").size(), 27U);
  EXPECT_EQ(text::split(rule, "\"; \"").size(), 26U);
}

TEST(RemoteProtocol, LiteralsOfAGrammarAreEscaped) {
  EXPECT_EQ(answer_gbnf({.kind = AnswerKind::kChoice, .options = {"a\"b\\c\n"}, .separator = ""}),
            "root ::= \"a\\\"b\\\\c\\n\"\n");
}

TEST(RemoteProtocol, ReadsTextUsageAndFinishReason) {
  const auto answer = read_answer({.model = "m"}, ranking_request({"a", "b"}), json::parse(R"({"choices": [{"index": 0,
      "message": {"role": "assistant", "content": "b; a"}, "finish_reason": "stop"}],
      "usage": {"prompt_tokens": 12, "completion_tokens": 5}})"));
  EXPECT_EQ(answer.text, "b; a");
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.prompt_tokens, 12);
  EXPECT_EQ(answer.answer_tokens, 5);
}

TEST(RemoteProtocol, RefusesDocumentsThatAreNone) {
  const RequestForm chat{.model = "m"};
  const RequestForm plain{.model = "m", .chat = false};
  for (const char* text : {"{}", R"({"choices": []})", R"({"choices": 3})", R"({"choices": [3]})",
                           R"({"choices": [{}]})", R"({"choices": [{"message": "x"}]})"}) {
    EXPECT_THROW((void)read_answer(chat, rating_request(), json::parse(text)), DataError) << text;
    EXPECT_THROW((void)read_answer(plain, rating_request(), json::parse(text)), DataError) << text;
  }
  const auto refusal = json::parse(R"({"choices": [{"message": {"content": null, "refusal": "no"}}]})");
  EXPECT_EQ(read_answer(chat, rating_request(), refusal).text, "");
}

TEST(RemoteProtocol, NumbersOfTokensThatAreNoneAreNotTaken) {
  const auto answer =
      read_answer({.model = "m"}, rating_request(), json::parse(R"({"choices": [{"message": {"content": "1"}}],
      "usage": {"prompt_tokens": -4, "completion_tokens": 1e30}})"));
  EXPECT_EQ(answer.prompt_tokens, std::nullopt);
  EXPECT_EQ(answer.answer_tokens, std::nullopt);
}

TEST(RemoteProtocol, TheProbabilitiesOfAChoiceAreNormalisedOverItsOptions) {
  const auto document = json::parse(R"({"choices": [{"message": {"content": "2"}, "logprobs": {"content": [
      {"token": "2", "logprob": -0.7, "top_logprobs": [{"token": "2", "logprob": -0.693147}, {"token": " 1", "logprob": -2.302585},
       {"token": "1", "logprob": -2.302585}, {"token": "3", "logprob": -2.302585}, {"token": "the", "logprob": -3}]}]}}]})");
  const auto values = read_answer({.model = "m"}, rating_request(), document).option_log_probabilities;
  // 0.5, 0.1 + 0.1 (two tokens of one text) and 0.1 of 0.8.
  ASSERT_EQ(values.size(), 3U);
  EXPECT_NEAR(std::exp(values[0]), 0.25, 1e-5);
  EXPECT_NEAR(std::exp(values[1]), 0.625, 1e-5);
  EXPECT_NEAR(std::exp(values[2]), 0.125, 1e-5);

  const auto plain = json::parse(R"({"choices": [{"text": "2", "logprobs": {"tokens": ["2"], "token_logprobs": [-0.1],
      "top_logprobs": [{"1": -1.0, "2": -1.0, "3": -1.0}]}}]})");
  const auto thirds = read_answer({.model = "m", .chat = false}, rating_request(), plain).option_log_probabilities;
  ASSERT_EQ(thirds.size(), 3U);
  EXPECT_NEAR(thirds[1], std::log(1.0 / 3), 1e-9);
}

TEST(RemoteProtocol, AnOptionWhoseProbabilityIsNotToldLeavesAllOut) {
  const auto document = json::parse(R"({"choices": [{"message": {"content": "2"}, "logprobs": {"content": [
      {"token": "2", "logprob": -0.7, "top_logprobs": [{"token": "2", "logprob": -0.7}, {"token": "1", "logprob": -2.3}]}]}}]})");
  EXPECT_THAT(read_answer({.model = "m"}, rating_request(), document).option_log_probabilities, IsEmpty())
      << "3 is missing";
  for (const char* logprobs :
       {"null", "{}", "[]", R"({"content": null})", R"({"content": [{}]})", R"({"content": [{"top_logprobs": 3}]})",
        R"({"content": [{"top_logprobs": [{"token": 4, "logprob": "x"}]}]})"}) {
    auto broken = json::parse(R"({"choices": [{"message": {"content": "2"}}]})");
    broken["choices"][0]["logprobs"] = json::parse(logprobs);
    EXPECT_THAT(read_answer({.model = "m"}, rating_request(), broken).option_log_probabilities, IsEmpty()) << logprobs;
  }
}

TEST(RemoteProtocol, ChecksWhatAServerOfThisProgramSays) {
  const RequestForm form{.model = "m", .constraint = ConstraintKind::kNative};
  const auto document = [](const char* native) {
    auto result = json::parse(R"({"choices": [{"message": {"content": "b; a"}}]})");
    result["choices"][0]["llama4rec"] = json::parse(native);
    return result;
  };
  const auto good = read_answer(form, ranking_request({"a", "b"}), document(R"({"order": [1, 0],
      "option_log_probabilities": [-1.5, null], "option_sequence_log_probabilities": [-2, -3]})"));
  EXPECT_THAT(good.order, ElementsAre(1, 0));
  EXPECT_EQ(good.option_log_probabilities[1], -std::numeric_limits<double>::infinity());
  for (const char* wrong :
       {"null", "{}", R"({"order": [0]})", R"({"order": [0, 0]})", R"({"order": [0, 2]})", R"({"order": [-1, 0]})",
        R"({"order": ["0", 1]})", R"({"order": [0, 1], "option_log_probabilities": [1]})",
        R"({"order": [0, 1], "option_log_probabilities": ["x", 1]})"}) {
    EXPECT_THROW((void)read_answer(form, ranking_request({"a", "b"}), document(wrong)), DataError) << wrong;
  }
}

TEST(RemoteProtocol, TakesTheMessageOutOfErrorDocumentsAsOneShortLine) {
  EXPECT_EQ(error_message(R"({"error": {"message": "no\nsuch model", "type": "x", "code": "model_not_found"}})"),
            "no such model");
  EXPECT_EQ(error_code(R"({"error": {"message": "m", "type": "x", "code": "model_not_found"}})"), "model_not_found");
  EXPECT_EQ(error_code(R"({"error": {"message": "m", "type": "insufficient_quota", "code": null}})"),
            "insufficient_quota");
  EXPECT_EQ(error_message(R"({"detail": "Not Found"})"), "Not Found");
  EXPECT_EQ(error_message(R"({"error": "busy"})"), "busy");
  EXPECT_EQ(error_message("<html>\x01</html>"), "<html> </html>");
  EXPECT_LT(error_message(std::string(100'000, 'x')).size(), 400U);
  EXPECT_EQ(error_code("no json"), "");
}

TEST(RemoteProtocol, ReadsListsOfModelsAndLeavesOutWhatIsMalformed) {
  const auto models =
      read_models(json::parse(R"({"object": "list", "data": [{"id": "a", "owned_by": "vllm", "root": "/models/a",
      "max_model_len": 8192}, {"id": 3}, 4, {"id": "b", "max_model_len": -1}, {"id": "c", "llama4rec": {"fingerprint": "f00"}}]})"));
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].context, 8192);
  EXPECT_EQ(models[0].root, "/models/a");
  EXPECT_EQ(models[1].context, 0);
  EXPECT_EQ(models[2].fingerprint, "f00");
  EXPECT_THAT(read_models(json::parse("[]")), IsEmpty());
  EXPECT_THAT(read_models(json::parse(R"({"data": {}})")), IsEmpty());
}

}  // namespace
}  // namespace llama4rec::llm
