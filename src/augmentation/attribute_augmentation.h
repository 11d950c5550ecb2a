// Data augmentation for rating prediction: a language model fills in attributes, which become features (paper, III-B3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

#include "augmentation/attribute_facts.h"
#include "augmentation/attribute_options.h"
#include "augmentation/attribute_prompts.h"
#include "augmentation/attribute_values.h"

namespace llama4rec::augmentation {

/// One attribute of all items, or of all users.
struct GeneratedAttribute {
  std::string name;
  bool of_user = false;
  std::vector<std::string> cells;  ///< in the order of the data set; empty for unknown
  AttributeAccount account;
  std::optional<Agreement> agreement;  ///< where there are facts to compare with
};

/// Asks for every item (user) and attribute in one batch, reads the answers, spells them alike. `facts` may be null; `use` says what for.
std::vector<GeneratedAttribute> generate_attributes(const AttributeSources& sources,
                                                    const std::vector<AttributeDeclaration>& attributes,
                                                    const std::vector<AttributeExample>& examples,
                                                    const AttributeFacts* facts, FactsUse use, LanguageModel& model,
                                                    const CompletionProgress& progress);

/// A data set's own columns, then the generated ones of its items (or users), named "director (generated)".
AttributeTable with_generated(const AttributeTable& own, const std::vector<GeneratedAttribute>& attributes,
                              bool of_users);

/// The control: every attribute's cells dealt to the items (users) anew. What is left of a gain is due to the model's form.
std::vector<GeneratedAttribute> dealt_anew(std::vector<GeneratedAttribute> attributes, std::uint64_t seed);

nlohmann::ordered_json to_json(const AttributeAccount& account);
nlohmann::ordered_json to_json(const std::vector<GeneratedAttribute>& attributes);
/// Reads what to_json wrote.
std::vector<GeneratedAttribute> attributes_from_json(const nlohmann::json& document);

}  // namespace llama4rec::augmentation
