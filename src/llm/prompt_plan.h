// Which neighbouring requests are read together in one token tree.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// A request as the planner sees it.
struct PlannedPrompt {
  std::vector<Token> tokens;       ///< of the prompt
  std::int64_t answer_tokens = 0;  ///< that are scored below it
};

/// Requests first .. first + count - 1.
struct PromptGroup {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t slots = 0;  ///< tokens of the tree, at most
};

/// Cuts the requests into contiguous groups such that reading each group as one tree is cheapest: a group's cost is its tokens times
/// (1 + tokens / kTokensPerUnit), since attention grows with the row. A function of the requests alone.
std::vector<PromptGroup> plan_prompts(std::span<const PlannedPrompt> prompts);

}  // namespace llama4rec::llm
