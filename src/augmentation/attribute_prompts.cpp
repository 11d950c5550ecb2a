#include "augmentation/attribute_prompts.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::augmentation {
namespace {

constexpr std::int64_t kAnswerTokens = 24;
constexpr std::size_t kLikedTitles = 10;

/// "genres: Drama, Crime" for every column that says something of the row.
void append_table(const AttributeTable& table, std::size_t row, std::vector<std::string>& segments) {
  for (std::size_t column = 0; column < table.names.size(); ++column) {
    const std::string& cell = table.values[column][row];
    if (cell.empty()) continue;
    std::vector<std::string> values;
    for (const auto value : text::split(cell, "|")) values.emplace_back(value);
    segments.push_back(fmt::format("; {}: ", table.names[column]));
    segments.push_back(text::join(values, ", "));
  }
}

}  // namespace

void append_description(const AttributeSources& sources, bool of_user, std::int64_t index,
                        std::vector<std::string>& segments) {
  const auto row = static_cast<std::size_t>(index);
  const Dataset& dataset = sources.dataset;
  if (of_user) {
    segments.push_back(fmt::format("number {}", index + 1));  // an id of the source is nobody's business
    append_table(dataset.user_attributes, row, segments);
    if (row < sources.liked.size() && !sources.liked[row].empty()) {
      const auto& liked = sources.liked[row];
      segments.emplace_back("; liked: ");
      for (std::size_t n = liked.size() - std::min(liked.size(), kLikedTitles); n < liked.size(); ++n) {
        segments.push_back(sources.texts.title(liked[n]));
        if (n + 1 < liked.size()) segments.emplace_back(", ");
      }
    }
  } else {
    segments.push_back(sources.texts.title(static_cast<ItemIndex>(index)));
    append_table(dataset.item_attributes, row, segments);
  }
}

CompletionRequest attribute_request(const AttributeSources& sources, const AttributeDeclaration& attribute,
                                    const std::vector<AttributeExample>& examples, std::int64_t index) {
  const auto row = static_cast<std::size_t>(index);
  const std::string noun = attribute.of_user ? "user" : sources.texts.noun();
  CompletionRequest request;
  auto& segments = request.prompt.segments;
  if (sources.verbose) {
    segments.push_back(
        fmt::format("Name the {} of the {} in the last line, or answer unknown.\n", attribute.name, noun));
    if (attribute.kind == AttributeKind::kClosed) {
      segments.push_back(fmt::format("It is one of: {}.\n", text::join(attribute.values, ", ")));
    }
    if (attribute.kind == AttributeKind::kNumber) segments.emplace_back("Answer with a number.\n");
  }
  const std::string asked = fmt::format("; {}: ", attribute.name);
  for (const auto& example : examples) {
    if (example.attribute != attribute.name) continue;
    segments.insert(segments.end(), {noun + ": ", example.text, asked, example.value, "\n"});
  }
  segments.push_back(noun + ": ");
  append_description(sources, attribute.of_user, index, segments);
  if (sources.facts != nullptr && sources.facts->of_users == attribute.of_user) {
    for (const auto& [name, cells] : sources.facts->cells) {
      if (cells[row].empty()) continue;
      segments.push_back(fmt::format("; known {}: ", name));
      segments.push_back(cells[row]);
    }
  }
  segments.push_back(asked);
  if (attribute.kind == AttributeKind::kClosed) {
    request.grammar = {.kind = AnswerKind::kChoice, .options = attribute.values};
    request.grammar.options.emplace_back("unknown");
  }
  request.maximum_tokens = kAnswerTokens;
  return request;
}

}  // namespace llama4rec::augmentation
