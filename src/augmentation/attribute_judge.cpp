#include "augmentation/attribute_judge.h"

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::augmentation {

CompletionRequest judge_request(const AttributeSources& sources, const AttributeDeclaration& attribute,
                                const std::string& cell, std::int64_t index) {
  CompletionRequest request;
  auto& segments = request.prompt.segments;
  if (sources.verbose) {
    segments.push_back(fmt::format("Is the claimed {} right? Answer yes, no, or unknown.\n", attribute.name));
  }
  segments.push_back((attribute.of_user ? "user" : sources.texts.noun()) + ": ");
  append_description(sources, attribute.of_user, index, segments);
  segments.push_back(fmt::format("; claimed {}: ", attribute.name));
  std::vector<std::string> values;
  for (const auto value : text::split(cell, "|")) values.emplace_back(value);
  segments.push_back(text::join(values, ", "));
  segments.emplace_back("; right (yes, no or unknown): ");
  request.grammar = {.kind = AnswerKind::kChoice, .options = {"yes", "no", "unknown"}};
  return request;
}

Agreement judge_attribute(const AttributeSources& sources, const AttributeDeclaration& attribute,
                          const std::vector<std::string>& cells, const std::vector<std::int64_t>& indices,
                          LanguageModel& judge, const CompletionProgress& progress) {
  Agreement agreement;
  std::vector<CompletionRequest> requests;
  std::vector<std::size_t> asked;
  for (const std::int64_t index : indices) {
    const auto row = static_cast<std::size_t>(index);
    if (cells[row].empty()) {
      ++agreement.unknown;
      continue;
    }
    requests.push_back(judge_request(sources, attribute, cells[row], index));
    asked.push_back(row);
  }
  const auto answers = judge.complete(requests, progress);
  for (std::size_t n = 0; n < answers.size(); ++n) {
    const bool answered = answers[n].outcome == AnswerOutcome::kAnswered;
    const std::string verdict =
        answered ? requests[n].grammar.options.at(static_cast<std::size_t>(answers[n].order.front())) : "unknown";
    if (verdict == "yes") {
      ++agreement.agree;
      continue;
    }
    ++(verdict == "no" ? agreement.wrong : agreement.undecided);
    const Dataset& dataset = sources.dataset;
    agreement.disagreements.push_back(
        {.id = attribute.of_user ? dataset.user_ids[asked[n]] : dataset.item_ids[asked[n]],
         .title = attribute.of_user ? "" : dataset.item_titles[asked[n]],
         .attribute = attribute.name,
         .answer = cells[asked[n]],
         .fact = "",
         .verdict = verdict == "no" ? "" : kUndecided});
  }
  return agreement;
}

}  // namespace llama4rec::augmentation
