// Requests of the OpenAI API: every wrong type and number is refused with the parameter's name.
#include "service/api_request.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/api_error.h"
#include "service/api_response.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

const RequestLimits kLimits{.model = "m", .answer_tokens = 1000};

json chat(const char* more = "{}") {
  auto document = json::parse(R"({"model": "m", "messages": [{"role": "user", "content": "hi"}]})");
  document.update(json::parse(more));
  return document;
}

/// "status parameter" of the refusal, or "accepted".
std::string refusal(const json& document, bool is_chat = true) {
  try {
    (void)read_request(document, is_chat, kLimits);
  } catch (const ApiError& error) {
    const auto parameter = error.document()["error"]["param"];
    return std::to_string(error.status()) + (parameter.is_null() ? "" : " " + parameter.get<std::string>());
  }
  return "accepted";
}

TEST(ApiRequest, ReadsAChat) {
  const auto request =
      read_request(chat(R"({"max_tokens": 9, "temperature": 0, "top_p": 0.5, "seed": -3, "n": 1, "user": "x",
      "stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "unknown": [1]})"),
                   true, kLimits);
  EXPECT_THAT(request.completion.prompt.segments, ElementsAre("hi"));
  EXPECT_EQ(request.completion.maximum_tokens, 9);
  EXPECT_FALSE(request.bound());
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.stream_usage);
  EXPECT_TRUE(request.log_probabilities);
}

TEST(ApiRequest, JoinsMessagesByLineEnds) {
  const auto request =
      read_request(json::parse(R"({"model": "m", "messages": [{"role": "system", "content": "be brief"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]})"),
                   true, kLimits);
  EXPECT_EQ(request.completion.prompt.joined(), "be brief\nab");
}

TEST(ApiRequest, ReadsAPlainPromptAsTextOrTokens) {
  const auto request = read_request(json::parse(R"({"model": "m", "prompt": "x"})"), false, kLimits);
  EXPECT_EQ(request.completion.prompt.joined(), "x");
  EXPECT_EQ(request.completion.maximum_tokens, 16) << "OpenAI's default";
  EXPECT_EQ(read_request(json::parse(R"({"model": "m", "prompt": ["x"]})"), false, kLimits).completion.prompt.joined(),
            "x");
  EXPECT_THAT(read_request(json::parse(R"({"model": "m", "prompt": [3, 5]})"), false, kLimits).prompt_tokens,
              ElementsAre(3, 5));
}

TEST(ApiRequest, RefusesEveryWrongTypeAndNumber) {
  EXPECT_EQ(refusal(json::parse("[]")), "400");
  EXPECT_EQ(refusal(json::parse("{}")), "400 model");
  EXPECT_EQ(refusal(json::parse(R"({"model": 3})")), "400 model");
  EXPECT_EQ(refusal(json::parse(R"({"model": "other"})")), "404 model");
  EXPECT_EQ(refusal(chat()), "accepted");
  const std::vector<std::pair<std::string, std::vector<std::string>>> wrong{
      {"messages",
       {"3", "[]", "\"x\"", "{}", "[3]", "[{}]", R"([{"role": "user"}])", R"([{"role": "user", "content": 3}])",
        R"([{"role": "robot", "content": "x"}])", R"([{"role": 3, "content": "x"}])",
        R"([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])",
        R"([{"role": "user", "content": [{"type": "text"}]}])"}},
      {"max_tokens", {"0", "-1", "1001", "1.5", "\"5\"", "true", "1e400", "18446744073709551615", "[]"}},
      {"max_completion_tokens", {"0", "1001", "1e3"}},
      {"temperature", {"-0.1", "2.1", "\"0\"", "true", "[]"}},
      {"top_p", {"-0.1", "1.1", "\"1\""}},
      {"n", {"0", "2", "129", "\"1\"", "1.0"}},
      {"seed", {"1.5", "\"1\"", "18446744073709551615"}},
      {"stream", {"1", "\"true\""}},
      {"stream_options", {"3"}},
      {"logprobs", {"1", "\"yes\""}},
      {"top_logprobs", {"-1", "21", "1", "\"1\""}},
      {"presence_penalty", {"0.5", "3", "\"0\""}},
      {"frequency_penalty", {"-1"}},
      {"stop", {"\"x\"", "[\"x\"]"}},
      {"tools", {"[{}]"}},
      {"logit_bias", {R"({"5": 1})"}},
      {"guided_choice", {"[]", "3", "[3]", "[\"\"]", "[\"a\", \"a\"]", "{}"}},
      {"structured_outputs",
       {"3", "{}", "[]", "\"a\"", R"({"choice": null, "json": null})", R"({"grammar": "root ::= \"a\""})",
        R"({"regex": "a"})", R"({"json_object": true})", R"({"choices": ["a"]})", R"({"": 1})",
        R"({"choice": ["a"], "json": {"enum": ["a"]}})", R"({"choice": ["a"], "regex": "a"})"}},
      {"response_format",
       {"3", "{}", R"({"type": 3})", R"({"type": "json_object"})", R"({"type": "json_schema"})",
        R"({"type": "json_schema", "json_schema": {"schema": {"type": "integer"}}})",
        R"({"type": "json_schema", "json_schema": {"schema": {"properties": {"a": {}, "b": {}}}}})"}},
      {"guided_json",
       {"3", R"({"items": {"enum": ["a", "b"]}})", R"({"items": {"enum": ["a", "b"]}, "minItems": 3, "maxItems": 3})",
        R"({"items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2})",
        R"({"items": {"enum": ["a", "b"]}, "minItems": 0, "maxItems": 0})"}},
      {"llama4rec",
       {"3", R"({"segments": []})", R"({"segments": [3]})", R"({"kind": "x"})", R"({"kind": "choice"})",
        R"({"kind": "permutation", "options": ["a"]})",
        R"({"kind": "permutation", "options": ["a"], "separator": ";", "generate_first": 2})",
        R"({"kind": "permutation", "options": ["a"], "separator": 3})"}}};
  for (const auto& [parameter, values] : wrong) {
    for (const auto& value : values) {
      json parsed;
      try {
        parsed = json::parse(value);
      } catch (const json::exception&) {
        continue;  // 1e400 is refused as a document
      }
      json document = chat();
      document[parameter] = parsed;
      EXPECT_EQ(refusal(document), "400 " + parameter) << value;
    }
  }
  for (const char* prompt : {"3", "[]", "[[1]]", "[\"a\", \"b\"]", "[-1]", "[1.5]", "[99999999999]", "{}", "null"}) {
    json document = json::parse(R"({"model": "m"})");
    document["prompt"] = json::parse(prompt);
    EXPECT_EQ(refusal(document, false), "400 prompt") << prompt;
  }
}

TEST(ApiRequest, ReadsSampling) {
  const auto request = read_request(chat(R"({"temperature": 0.7, "top_p": 0.9, "seed": 12})"), true, kLimits);
  EXPECT_EQ(request.completion.sampling.temperature, 0.7);
  EXPECT_EQ(request.completion.sampling.top_p, 0.9);
  EXPECT_EQ(request.completion.sampling.seed, 12U);
  EXPECT_EQ(refusal(chat(R"({"temperature": 0.7, "logprobs": true})")), "accepted");
  EXPECT_EQ(refusal(json::parse(R"({"model": "m", "prompt": [1, 2], "temperature": 0.7})"), false), "accepted");
}

TEST(ApiRequest, NullIsTheDefault) {
  EXPECT_EQ(
      refusal(chat(R"({"max_tokens": null, "stop": null, "tools": null, "response_format": null, "guided_choice": null,
                             "stream": null, "temperature": null})")),
      "accepted");
}

TEST(ApiRequest, StructuredOutputsAreGuidedChoiceAndGuidedJson) {
  const auto choice = read_request(
      chat(
          R"({"structured_outputs": {"choice": ["a", "b"], "json": null, "regex": null}, "logprobs": true, "top_logprobs": 5})"),
      true, kLimits);
  EXPECT_EQ(choice.completion.grammar.kind, AnswerKind::kChoice);
  EXPECT_THAT(choice.completion.grammar.options, ElementsAre("a", "b"));
  EXPECT_EQ(choice.form, AnswerForm::kPlain);
  EXPECT_EQ(choice.alternatives, 5);

  const char* schema =
      R"({"properties": {"order": {"items": {"enum": ["a", "b", "c"]}, "minItems": 2, "maxItems": 2}}})";
  const auto order =
      read_request(chat(fmt::format(R"({{"structured_outputs": {{"json": {}}}}})", schema).c_str()), true, kLimits);
  const auto guided = read_request(chat(fmt::format(R"({{"guided_json": {}}})", schema).c_str()), true, kLimits);
  for (const auto* request : {&order, &guided}) {
    EXPECT_EQ(request->completion.grammar.kind, AnswerKind::kPermutation);
    EXPECT_EQ(request->completion.grammar.generate_first, 2);
    EXPECT_EQ(render_answer(*request, {.text = "", .order = {2, 0, 1}}), R"({"order":["c","a"]})");
  }
  const auto plain = read_request(
      json::parse(R"({"model": "m", "prompt": "x", "structured_outputs": {"choice": ["a"]}})"), false, kLimits);
  EXPECT_TRUE(plain.bound());
}

TEST(ApiRequest, WhatIsWrongWithStructuredOutputsIsTold) {
  const auto message = [](const char* form) -> std::string {
    try {
      (void)read_request(chat(fmt::format(R"({{"structured_outputs": {}}})", form).c_str()), true, kLimits);
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status(), 400);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("{}"), "structured_outputs: expected one of choice and json");
  EXPECT_EQ(message(R"({"choice": ["a"], "json": {"enum": ["a"]}})"),
            "structured_outputs: expected one of choice and json");
  EXPECT_EQ(message(R"({"grammar": "root"})"),
            "structured_outputs: \"grammar\" cannot be served, expected choice or json");
  EXPECT_EQ(message(R"({"choice": []})"), "structured_outputs.choice: expected a list of 1 to 1000 texts");
  EXPECT_EQ(message(R"({"choice": ["a", ""]})"), "structured_outputs.choice: expected texts of 1 to 4096 bytes");
  EXPECT_EQ(message(R"({"json": {}})"),
            "structured_outputs.json: expected a schema of an enumeration of texts, or of an array of them");
  EXPECT_EQ(refusal(chat(R"({"structured_outputs": {"choice": [3]}})")), "400 structured_outputs.choice");
  EXPECT_EQ(refusal(chat(R"({"structured_outputs": {"json": {"enum": []}}})")), "400 structured_outputs.json");
  EXPECT_EQ(refusal(chat(R"({"structured_outputs": {"choice": ["a"]}, "guided_choice": ["a"]})")), "400 guided_choice");
  EXPECT_EQ(refusal(chat(R"({"structured_outputs": null})")), "accepted");
}

TEST(ApiRequest, BindsAnswers) {
  const auto choice =
      read_request(chat(R"({"guided_choice": ["a", "b"], "logprobs": true, "top_logprobs": 5})"), true, kLimits);
  EXPECT_EQ(choice.completion.grammar.kind, AnswerKind::kChoice);
  EXPECT_THAT(choice.completion.grammar.options, ElementsAre("a", "b"));
  EXPECT_EQ(choice.alternatives, 5);

  const auto order =
      read_request(chat(R"({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema":
      {"type": "object", "properties": {"order": {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]},
       "minItems": 2, "maxItems": 2}}, "required": ["order"], "additionalProperties": false}}}})"),
                   true, kLimits);
  EXPECT_EQ(order.completion.grammar.kind, AnswerKind::kPermutation);
  EXPECT_EQ(order.completion.grammar.generate_first, 2);
  EXPECT_EQ(render_answer(order, {.text = "", .order = {2, 0, 1}}), R"({"order":["c","a"]})");

  const auto value = read_request(chat(R"({"guided_json": {"enum": ["a", "b"]}})"), true, kLimits);
  EXPECT_EQ(render_answer(value, {.text = "b", .order = {1}}), "\"b\"");

  const auto native =
      read_request(chat(R"({"llama4rec": {"segments": ["x", "y"], "kind": "permutation", "options": ["a", "b"],
      "separator": "; ", "generate_first": 1}})"),
                   true, kLimits);
  EXPECT_THAT(native.completion.prompt.segments, ElementsAre("x", "y"));
  EXPECT_EQ(native.completion.grammar.separator, "; ");
  EXPECT_TRUE(native.native);
  EXPECT_EQ(refusal(chat(R"({"guided_choice": ["a"], "guided_json": {"enum": ["a"]}})")), "400 guided_choice");
  EXPECT_FALSE(read_request(chat(R"({"response_format": {"type": "text"}})"), true, kLimits).bound());
}

}  // namespace
}  // namespace llama4rec::service
