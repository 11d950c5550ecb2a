// Attributes that a language model fills in for rating prediction: which, with what examples, beside what facts (paper, III-B3).
#pragma once

#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::augmentation {

/// What answers an attribute has.
enum class AttributeKind {
  kFree,    ///< any short text; several values separated
  kClosed,  ///< one of `values`
  kNumber,  ///< a number, put into a bin between `edges`
};

/// One attribute, as the option declares it.
struct AttributeDeclaration {
  std::string name;
  bool of_user = false;
  AttributeKind kind = AttributeKind::kFree;
  std::vector<std::string> values;  ///< kClosed; without "unknown", which is always an answer
  std::vector<double> edges;        ///< kNumber; ascending, at least one
};

/// A solved example for in-context learning.
struct AttributeExample {
  std::string attribute;
  std::string text;   ///< what stands in the place of an item's title or a user's description
  std::string value;  ///< the answer
};

/// What known facts are used for.
enum class FactsUse {
  kReplace,  ///< they stand in the answers' place; the rest is asked
  kGround,   ///< an item's known facts are shown in its prompts; everything is asked
  kCompare,  ///< everything is asked as if there were none
};

struct AttributeOptions {
  std::vector<std::string> attributes;
  std::vector<std::string> attribute_examples;
  std::string facts;
  std::string facts_use = "replace";
  void declare(config::OptionVisitor& visit);

  /// The attributes declared, in their order. UsageError that names the option, the text and what was expected.
  [[nodiscard]] std::vector<AttributeDeclaration> declarations() const;
  /// The examples; each belongs to an attribute declared. UsageError likewise.
  [[nodiscard]] std::vector<AttributeExample> examples() const;
  [[nodiscard]] FactsUse use() const;
};

}  // namespace llama4rec::augmentation
