#include "augmentation/attribute_augmentation.h"

#include <set>

#include <fmt/format.h>

#include "core/random.h"

namespace llama4rec::augmentation {
namespace {

/// A question and where its answer goes.
struct Place {
  std::size_t attribute = 0;
  std::int64_t index = 0;
};

const std::vector<std::string>* facts_of(const AttributeFacts* facts, const AttributeDeclaration& attribute) {
  if (facts == nullptr || facts->of_users != attribute.of_user) return nullptr;
  const auto found = facts->cells.find(attribute.name);
  return found == facts->cells.end() ? nullptr : &found->second;
}

void count(const ReadAnswer& answer, AttributeAccount& account) {
  ++account.asked;
  if (!answer.values.empty()) {
    ++account.answered;
  } else {
    ++(answer.unreadable ? account.unreadable : account.unknown);
  }
}

}  // namespace

std::vector<GeneratedAttribute> generate_attributes(const AttributeSources& sources,
                                                    const std::vector<AttributeDeclaration>& attributes,
                                                    const std::vector<AttributeExample>& examples,
                                                    const AttributeFacts* facts, FactsUse use, LanguageModel& model,
                                                    const CompletionProgress& progress) {
  AttributeSources shown = sources;
  shown.facts = use == FactsUse::kGround ? facts : nullptr;
  std::vector<std::vector<std::vector<std::string>>> cells(attributes.size());
  std::vector<GeneratedAttribute> result;
  std::vector<CompletionRequest> requests;
  std::vector<Place> places;
  for (std::size_t a = 0; a < attributes.size(); ++a) {
    const auto& attribute = attributes[a];
    const auto rows = attribute.of_user ? sources.dataset.users() : sources.dataset.items();
    result.push_back(
        {.name = attribute.name, .of_user = attribute.of_user, .cells = {}, .account = {}, .agreement = {}});
    cells[a].resize(static_cast<std::size_t>(rows));
    const auto* known = use == FactsUse::kReplace ? facts_of(facts, attribute) : nullptr;
    for (std::int64_t index = 0; index < rows; ++index) {
      const auto row = static_cast<std::size_t>(index);
      if (known != nullptr && !(*known)[row].empty()) {
        cells[a][row] = read_answer(attribute, (*known)[row]).values;
        ++result[a].account.known;
        continue;
      }
      requests.push_back(attribute_request(shown, attribute, examples, index));
      places.push_back({.attribute = a, .index = index});
    }
  }
  const auto answers = model.complete(requests, progress);
  for (std::size_t n = 0; n < answers.size(); ++n) {
    const auto& [a, index] = places[n];
    ReadAnswer answer{.values = {}, .unreadable = true};
    if (answers[n].outcome == AnswerOutcome::kAnswered) {
      const bool item = !attributes[a].of_user;
      answer = read_answer(attributes[a], answers[n].text,
                           item ? sources.texts.title(static_cast<ItemIndex>(index)) : std::string());
    }
    count(answer, result[a].account);
    cells[a][static_cast<std::size_t>(index)] = std::move(answer.values);
  }
  for (std::size_t a = 0; a < attributes.size(); ++a) {
    auto& attribute = result[a];
    if (attributes[a].kind == AttributeKind::kFree) attribute.account.respelled = spell_alike(cells[a]);
    std::set<std::string> distinct;
    for (const auto& cell : cells[a]) {
      distinct.insert(cell.begin(), cell.end());
      attribute.cells.push_back(cell_text(cell));
    }
    attribute.account.distinct = static_cast<std::int64_t>(distinct.size());
    // Answers that were shown the facts agree with them.
    const auto* known = use == FactsUse::kCompare ? facts_of(facts, attributes[a]) : nullptr;
    if (known == nullptr) continue;
    std::vector<std::string> read;
    for (const auto& fact : *known) read.push_back(cell_text(read_answer(attributes[a], fact).values));
    attribute.agreement = compare_with_facts(sources.dataset, attribute.of_user, attribute.name, attribute.cells, read);
  }
  return result;
}

AttributeTable with_generated(const AttributeTable& own, const std::vector<GeneratedAttribute>& attributes,
                              bool of_users) {
  AttributeTable table = own;
  for (const auto& attribute : attributes) {
    if (attribute.of_user != of_users) continue;
    table.names.push_back(attribute.name + " (generated)");
    table.values.push_back(attribute.cells);
  }
  return table;
}

std::vector<GeneratedAttribute> dealt_anew(std::vector<GeneratedAttribute> attributes, std::uint64_t seed) {
  for (std::size_t n = 0; n < attributes.size(); ++n) {
    RandomStream random(seed, "controls.attributes", {static_cast<std::uint64_t>(n)});
    random.shuffle(std::span(attributes[n].cells));
  }
  return attributes;
}

nlohmann::ordered_json to_json(const AttributeAccount& account) {
  return {{"asked", account.asked},           {"answered", account.answered}, {"unknown", account.unknown},
          {"unreadable", account.unreadable}, {"known", account.known},       {"respelled", account.respelled},
          {"distinct", account.distinct}};
}

nlohmann::ordered_json to_json(const std::vector<GeneratedAttribute>& attributes) {
  auto document = nlohmann::ordered_json::array();
  for (const auto& it : attributes) {
    nlohmann::ordered_json one{{"name", it.name}, {"of_user", it.of_user}, {"account", to_json(it.account)}};
    one["cells"] = it.cells;
    if (it.agreement) {
      auto& agreement = one["agreement"];
      agreement = {{"agree", it.agreement->agree},
                   {"unknown", it.agreement->unknown},
                   {"wrong", it.agreement->wrong},
                   {"undecided", it.agreement->undecided}};
      agreement["disagreements"] = nlohmann::ordered_json::array();
      for (const auto& d : it.agreement->disagreements) {
        agreement["disagreements"].push_back({d.id, d.title, d.attribute, d.answer, d.fact, d.verdict});
      }
    }
    document.push_back(std::move(one));
  }
  return document;
}

std::vector<GeneratedAttribute> attributes_from_json(const nlohmann::json& document) {
  std::vector<GeneratedAttribute> result;
  for (const auto& one : document) {
    GeneratedAttribute it{
        .name = one.at("name"), .of_user = one.at("of_user"), .cells = one.at("cells"), .account = {}, .agreement = {}};
    const auto& account = one.at("account");
    it.account = {.asked = account.at("asked"),
                  .answered = account.at("answered"),
                  .unknown = account.at("unknown"),
                  .unreadable = account.at("unreadable"),
                  .known = account.at("known"),
                  .respelled = account.at("respelled"),
                  .distinct = account.at("distinct")};
    if (one.contains("agreement")) {
      const auto& from = one.at("agreement");
      Agreement agreement{.agree = from.at("agree"),
                          .unknown = from.at("unknown"),
                          .wrong = from.at("wrong"),
                          .undecided = from.at("undecided"),
                          .disagreements = {}};
      for (const auto& d : from.at("disagreements")) {
        agreement.disagreements.push_back(
            {.id = d[0], .title = d[1], .attribute = d[2], .answer = d[3], .fact = d[4], .verdict = d[5]});
      }
      it.agreement = std::move(agreement);
    }
    result.push_back(std::move(it));
  }
  return result;
}

}  // namespace llama4rec::augmentation
