#include "llm/engine/sequence.h"

#include <algorithm>

#include "llm/prompt_plan.h"

namespace llama4rec::llm {

std::int64_t blocks_for(std::int64_t slots) { return (slots + kBlockTokens - 1) / kBlockTokens; }

std::int64_t slots_of(const PreparedRequest& prepared) {
  const auto prompt = static_cast<std::int64_t>(prepared.prompt.tokens.size());
  const auto scored = prompt + prepared.prompt.answer_tokens;
  return prepared.generates() ? std::max(scored, prompt + room_for(prepared)) : scored;
}

std::vector<RequestGroup> group_requests(EngineBatch& batch, bool share, std::int64_t most_slots) {
  std::vector<RequestGroup> groups;
  std::vector<PlannedPrompt> prompts;
  const auto add = [&](std::size_t first, std::size_t count) {
    groups.push_back({.batch = &batch, .first = first, .count = count});
  };
  const auto flush = [&](std::size_t end) {
    if (prompts.empty()) return;
    const auto begin = end - prompts.size();
    for (const auto& it : plan_prompts(prompts)) {
      const auto first = begin + static_cast<std::size_t>(it.first);
      const auto count = static_cast<std::size_t>(it.count);
      if (it.slots <= most_slots) {
        add(first, count);
      } else {
        for (std::size_t i = 0; i < count; ++i) add(first + i, 1);
      }
    }
    prompts.clear();
  };
  const auto& prepared = batch.prepared;
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (share && !prepared[i].generates()) {
      prompts.push_back(prepared[i].prompt);
      continue;
    }
    flush(i);
    add(i, 1);
  }
  flush(prepared.size());
  return groups;
}

std::vector<std::int32_t> Sequence::asked_slots() const {
  std::vector<std::int32_t> asked;
  for (const auto& prepared : requests) {
    if (prepared.generates()) asked.push_back(static_cast<std::int32_t>(prepared.path.back() - read));
    for (const auto& questions : prepared.questions) {
      for (const auto& question : questions) asked.push_back(static_cast<std::int32_t>(question.slot - read));
    }
  }
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  return asked;
}

}  // namespace llama4rec::llm
