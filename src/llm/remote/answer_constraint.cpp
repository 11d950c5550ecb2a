#include "llm/remote/answer_constraint.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "llm/remote/answer_parser.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;

/// So many options' permutations are listed one by one (3! = 6).
constexpr std::size_t kListedPermutations = 3;
/// So many options' permutations are a grammar with a rule for each set of options that is left (2^6 = 64 rules).
constexpr std::size_t kExactPermutations = 6;

json texts_of(const std::vector<std::string>& options) {
  json list = json::array();
  for (const auto& option : options) list.push_back(text::to_valid_utf8(option));
  return list;
}

/// How many options an order names: all, or the first few.
std::size_t named_options(const AnswerGrammar& grammar) {
  const auto all = grammar.options.size();
  return grammar.generate_first > 0 ? std::min(static_cast<std::size_t>(grammar.generate_first), all) : all;
}

/// Every answer, where there are few; empty where there are many.
std::vector<std::string> listed_answers(const AnswerGrammar& grammar) {
  if (grammar.kind == AnswerKind::kChoice || named_options(grammar) == 1) return grammar.options;
  if (grammar.options.size() > kListedPermutations) return {};
  std::vector<std::int64_t> order(grammar.options.size());
  std::iota(order.begin(), order.end(), 0);
  std::set<std::string> answers;
  do {
    const std::vector<std::int64_t> named(order.begin(),
                                          order.begin() + static_cast<std::ptrdiff_t>(named_options(grammar)));
    answers.insert(canonical_answer(grammar, named));
  } while (std::next_permutation(order.begin(), order.end()));
  return {answers.begin(), answers.end()};
}

std::string gbnf_literal(const std::string& text) {
  std::string literal = "\"";
  for (const char c : text::to_valid_utf8(text)) {
    switch (c) {
      case '"':
        literal += "\\\"";
        break;
      case '\\':
        literal += "\\\\";
        break;
      case '\n':
        literal += "\\n";
        break;
      case '\r':
        literal += "\\r";
        break;
      case '\t':
        literal += "\\t";
        break;
      default:
        literal += c;
    }
  }
  return literal + "\"";
}

/// One rule for each set of options that are left: "left-MASK".
std::string exact_permutation_gbnf(const AnswerGrammar& grammar) {
  const auto options = grammar.options.size();
  const auto separator = gbnf_literal(grammar.separator);
  const std::size_t everything = (std::size_t{1} << options) - 1;
  std::string rules = fmt::format("root ::= left-{}\n", everything);
  for (std::size_t left = everything; left > 0; --left) {
    std::vector<std::string> ways;
    for (std::size_t i = 0; i < options; ++i) {
      const std::size_t bit = std::size_t{1} << i;
      if ((left & bit) == 0) continue;
      const auto literal = gbnf_literal(grammar.options[i]);
      ways.push_back(left == bit ? literal : fmt::format("{} {} left-{}", literal, separator, left ^ bit));
    }
    rules += fmt::format("left-{} ::= {}\n", left, text::join(ways, " | "));
  }
  return rules;
}

json native_constraint(const CompletionRequest& request) {
  const auto& grammar = request.grammar;
  json constraint;
  constraint["segments"] = texts_of(request.prompt.segments);
  if (grammar.kind == AnswerKind::kFreeText) return constraint;
  constraint["kind"] = grammar.kind == AnswerKind::kChoice ? "choice" : "permutation";
  constraint["options"] = texts_of(grammar.options);
  constraint["separator"] = text::to_valid_utf8(grammar.separator);
  constraint["generate_first"] = grammar.generate_first;
  return constraint;
}

}  // namespace

std::string to_string(ConstraintKind kind) {
  switch (kind) {
    case ConstraintKind::kNone:
      return "none";
    case ConstraintKind::kStructuredOutputs:
      return "structured_outputs";
    case ConstraintKind::kGuidedChoice:
      return "guided_choice";
    case ConstraintKind::kGrammar:
      return "grammar";
    case ConstraintKind::kResponseFormat:
      return "response_format";
    case ConstraintKind::kNative:
      return "native";
  }
  throw InternalError("a constraint of no kind");
}

std::optional<ConstraintKind> constraint_from(const std::string& name) {
  for (const auto kind : {ConstraintKind::kNone, ConstraintKind::kStructuredOutputs, ConstraintKind::kGuidedChoice,
                          ConstraintKind::kGrammar, ConstraintKind::kResponseFormat, ConstraintKind::kNative}) {
    if (to_string(kind) == name) return kind;
  }
  return std::nullopt;
}

json answer_schema(const AnswerGrammar& grammar) {
  json one;
  one["type"] = "string";
  one["enum"] = texts_of(grammar.options);
  json answer = one;
  if (grammar.kind == AnswerKind::kPermutation) {
    answer = json::object();
    answer["type"] = "array";
    answer["items"] = one;
    answer["minItems"] = named_options(grammar);
    answer["maxItems"] = named_options(grammar);
  }
  json schema;
  schema["type"] = "object";
  schema["properties"]["answer"] = answer;
  schema["required"] = json::array({"answer"});
  schema["additionalProperties"] = false;
  return schema;
}

std::string answer_gbnf(const AnswerGrammar& grammar) {
  const auto named = named_options(grammar);
  const bool one = grammar.kind == AnswerKind::kChoice || named == 1;
  if (!one && named == grammar.options.size() && named <= kExactPermutations) return exact_permutation_gbnf(grammar);
  std::vector<std::string> literals;
  for (const auto& option : grammar.options) literals.push_back(gbnf_literal(option));
  const auto options = text::join(literals, " | ");
  if (one) return fmt::format("root ::= {}\n", options);
  std::string root = "root ::= option";
  for (std::size_t i = 1; i < named; ++i) root += fmt::format(" {} option", gbnf_literal(grammar.separator));
  return fmt::format("{}\noption ::= {}\n", root, options);
}

void add_constraint(ConstraintKind kind, const CompletionRequest& request, json& body) {
  const auto& grammar = request.grammar;
  if (kind == ConstraintKind::kNative) {
    body["llama4rec"] = native_constraint(request);
    return;
  }
  if (grammar.kind == AnswerKind::kFreeText || kind == ConstraintKind::kNone) return;
  if (kind == ConstraintKind::kGrammar) {
    body["grammar"] = answer_gbnf(grammar);
  } else if (kind == ConstraintKind::kStructuredOutputs) {
    json& form = body["structured_outputs"];  // exactly one member
    const auto answers = listed_answers(grammar);
    if (answers.empty()) {
      form["grammar"] = answer_gbnf(grammar);
    } else {
      form["choice"] = texts_of(answers);
    }
  } else if (kind == ConstraintKind::kGuidedChoice) {
    const auto answers = listed_answers(grammar);
    if (answers.empty()) {
      body["guided_json"] = answer_schema(grammar);
    } else {
      body["guided_choice"] = texts_of(answers);
    }
  } else {
    json& format = body["response_format"];
    format["type"] = "json_schema";
    format["json_schema"]["name"] = "answer";
    format["json_schema"]["strict"] = true;
    format["json_schema"]["schema"] = answer_schema(grammar);
  }
}

std::string constraint_instruction(ConstraintKind kind, const AnswerGrammar& grammar) {
  if (grammar.kind == AnswerKind::kFreeText) return "";
  const bool document = kind == ConstraintKind::kResponseFormat ||
                        (kind == ConstraintKind::kGuidedChoice && listed_answers(grammar).empty());
  if (!document) return "";
  return grammar.kind == AnswerKind::kChoice ? "\nWrite the answer as JSON: {\"answer\": \"...\"}"
                                             : "\nWrite the answer as JSON: {\"answer\": [\"...\", \"...\"]}";
}

}  // namespace llama4rec::llm
