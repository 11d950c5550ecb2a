// Another language model as the judge of generated attributes (the paper's section IV-F, Figure 8).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "augmentation/attribute_facts.h"
#include "augmentation/attribute_prompts.h"

namespace llama4rec::augmentation {

/// "movie: The Glass Hill; genres: Drama; claimed director: Ada Stone; right (yes, no or unknown): ", bound to the three.
CompletionRequest judge_request(const AttributeSources& sources, const AttributeDeclaration& attribute,
                                const std::string& cell, std::int64_t index);

/// Asks the judge about the cells of some items (users). An empty cell counts as unknown and is not asked.
Agreement judge_attribute(const AttributeSources& sources, const AttributeDeclaration& attribute,
                          const std::vector<std::string>& cells, const std::vector<std::int64_t>& indices,
                          LanguageModel& judge, const CompletionProgress& progress);

}  // namespace llama4rec::augmentation
