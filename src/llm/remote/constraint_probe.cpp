#include "llm/remote/constraint_probe.h"

#include <fmt/format.h>

#include "llm/remote/answer_parser.h"

namespace llama4rec::llm {

ProbeResult probe_constraint(const RequestForm& form, const ProbeCall& call) {
  const CompletionRequest question{
      .prompt = {{"What is the capital of France? Answer with its name only.\nAnswer: "}},
      .grammar = {.kind = AnswerKind::kChoice, .options = {"zebraquux", "walrusquux"}, .separator = ""}};
  ProbeResult result;
  for (const auto kind : {ConstraintKind::kStructuredOutputs, ConstraintKind::kGuidedChoice, ConstraintKind::kGrammar,
                          ConstraintKind::kResponseFormat}) {
    RequestForm tried = form;
    tried.constraint = kind;
    const auto answer = call(tried, question);
    const bool bound = answer && !parse_answer(question.grammar, answer->text).order.empty();
    result.found += fmt::format("{}{}: {}", result.found.empty() ? "" : ", ", to_string(kind),
                                bound ? "yes" : (answer ? "ignored" : "refused"));
    if (bound) {
      result.constraint = kind;
      return result;
    }
  }
  return result;
}

std::int64_t probe_log_probabilities(const RequestForm& form, const ProbeCall& call) {
  const CompletionRequest question{
      .prompt = {{"Which number is larger, 1 or 2? Answer with the number only.\nAnswer: "}},
      .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2"}, .separator = ""}};
  // The most that hosted services allow, and the most that the old API allows.
  for (const std::int64_t alternatives : {20, 5}) {
    RequestForm tried = form;
    tried.top_log_probabilities = alternatives;
    const auto answer = call(tried, question);
    if (answer && !answer->option_log_probabilities.empty()) return alternatives;
  }
  return 0;
}

}  // namespace llama4rec::llm
