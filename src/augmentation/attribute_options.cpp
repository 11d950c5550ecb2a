#include "augmentation/attribute_options.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::augmentation {
namespace {

constexpr const char* kAttributes = "augmentation.attributes";
constexpr const char* kExamples = "augmentation.attribute_examples";
constexpr std::string_view kUserPrefix = "user ";
constexpr std::string_view kNumberPrefix = "number ";

[[noreturn]] void refuse(const char* option, const std::string& text, const std::string& expected) {
  throw UsageError(fmt::format("{}: \"{}\": expected {}", option, text, expected));
}

std::vector<double> parse_edges(const std::string& declaration, std::string_view text) {
  std::vector<double> edges;
  for (const auto part : text::split(text, " ")) {
    if (part.empty()) continue;
    double edge = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), edge);
    if (error != std::errc() || end != part.data() + part.size() || (!edges.empty() && edge <= edges.back())) {
      refuse(kAttributes, declaration,
             "ascending numbers behind \"number\", such as \"page length: number 100 200 300\"");
    }
    edges.push_back(edge);
  }
  if (edges.empty()) refuse(kAttributes, declaration, "at least one number behind \"number\"");
  return edges;
}

AttributeDeclaration parse_declaration(const std::string& declaration) {
  AttributeDeclaration result;
  std::string_view text = declaration;
  const auto colon = text.find(':');
  std::string_view name = text::trim(text.substr(0, colon));
  if (name.starts_with(kUserPrefix)) {
    result.of_user = true;
    name = text::trim(name.substr(kUserPrefix.size()));
  }
  if (name.empty() || name.find_first_of("|,;=>\n\"") != std::string_view::npos) {
    refuse(kAttributes, declaration,
           "NAME, NAME: A | B | C or NAME: number EDGE ..., \"user \" before an attribute of users");
  }
  result.name = name;
  const std::string_view answers = colon == std::string_view::npos ? "" : text::trim(text.substr(colon + 1));
  if (answers.empty()) return result;
  if (answers.starts_with(kNumberPrefix) || answers == "number") {
    result.kind = AttributeKind::kNumber;
    result.edges = parse_edges(declaration, answers.substr(std::min(answers.size(), kNumberPrefix.size())));
    return result;
  }
  result.kind = AttributeKind::kClosed;
  for (const auto part : text::split(answers, "|")) {
    const auto value = text::trim(part);
    if (value.empty() || text::lower(value) == "unknown") {
      refuse(kAttributes, declaration, "values between '|', none empty; \"unknown\" is always one");
    }
    if (std::find(result.values.begin(), result.values.end(), value) != result.values.end()) {
      refuse(kAttributes, declaration, fmt::format("each value once (\"{}\" is twice there)", value));
    }
    result.values.emplace_back(value);
  }
  if (result.values.size() < 2) refuse(kAttributes, declaration, "at least two values");
  return result;
}

}  // namespace

void AttributeOptions::declare(config::OptionVisitor& visit) {
  visit.option(
      "augmentation.attributes", attributes, config::anything(),
      "Attributes that the language model fills in for rating prediction: \"director\"; \"mood: calm | tense\"; "
      "\"page length: number 100 200 300\" (bins); \"user income: low | high\". Empty: no data augmentation.",
      "III-B3");
  visit.option("augmentation.attribute_examples", attribute_examples, config::anything(),
               "Solved examples shown before the question: \"ATTRIBUTE: TEXT => VALUE\".", "III-B3");
  visit.option("augmentation.facts", facts, config::anything(),
               "A CSV file of known attributes: item_id (or user_id), then attributes by name.");
  visit.option("augmentation.facts_use", facts_use, config::one_of({"replace", "ground", "compare"}),
               "Known facts replace answers, are shown in the prompts, or are compared with the answers only.");
}

std::vector<AttributeDeclaration> AttributeOptions::declarations() const {
  std::vector<AttributeDeclaration> result;
  for (const auto& text : attributes) {
    auto one = parse_declaration(text);
    for (const auto& other : result) {
      if (other.name == one.name && other.of_user == one.of_user) {
        refuse(kAttributes, text, "each attribute once");
      }
    }
    result.push_back(std::move(one));
  }
  return result;
}

std::vector<AttributeExample> AttributeOptions::examples() const {
  const auto declared = declarations();
  std::vector<AttributeExample> result;
  for (const auto& text : attribute_examples) {
    const auto colon = text.find(':');
    const auto arrow = text.rfind("=>");
    if (colon == std::string::npos || arrow == std::string::npos || arrow < colon) {
      refuse(kExamples, text, "ATTRIBUTE: TEXT => VALUE");
    }
    const std::string_view view = text;
    AttributeExample example{.attribute = std::string(text::trim(view.substr(0, colon))),
                             .text = std::string(text::trim(view.substr(colon + 1, arrow - colon - 1))),
                             .value = std::string(text::trim(view.substr(arrow + 2)))};
    if (example.text.empty() || example.value.empty()) refuse(kExamples, text, "ATTRIBUTE: TEXT => VALUE");
    if (std::none_of(declared.begin(), declared.end(), [&](const auto& it) { return it.name == example.attribute; })) {
      refuse(kExamples, text, fmt::format("an attribute of {}", kAttributes));
    }
    result.push_back(std::move(example));
  }
  return result;
}

FactsUse AttributeOptions::use() const {
  if (facts_use == "ground") return FactsUse::kGround;
  return facts_use == "compare" ? FactsUse::kCompare : FactsUse::kReplace;
}

}  // namespace llama4rec::augmentation
