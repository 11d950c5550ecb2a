// Questions about one attribute of one item or user, answered by in-context learning (paper, III-B3 and Figure 3).
#pragma once

#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>

#include "augmentation/attribute_facts.h"
#include "augmentation/attribute_options.h"
#include "prompts/item_texts.h"

namespace llama4rec::augmentation {

/// What prompts are written from.
struct AttributeSources {
  const Dataset& dataset;
  const prompts::ItemTexts& texts;
  /// By user: titles that may be shown for attributes of users, oldest first; empty: none are shown.
  std::vector<std::vector<ItemIndex>> liked;
  const AttributeFacts* facts = nullptr;  ///< shown in the prompts of what they are about; null: none
  bool verbose = false;                   ///< full sentences before the lines (prompts.style)
};

/// The item's title and known attributes, or the user's number, attributes and liked titles.
void append_description(const AttributeSources& sources, bool of_user, std::int64_t index,
                        std::vector<std::string>& segments);

/// Solved examples, then what is known of the item or user, then the attribute's name: one line each, as in
///   movie: The Glass Hill; mood: calm
///   movie: Seven Rivers; genres: Drama, Crime; mood:
/// A closed list is bound by a choice of its values and "unknown"; other answers are free text of at most 24 tokens.
CompletionRequest attribute_request(const AttributeSources& sources, const AttributeDeclaration& attribute,
                                    const std::vector<AttributeExample>& examples, std::int64_t index);

}  // namespace llama4rec::augmentation
