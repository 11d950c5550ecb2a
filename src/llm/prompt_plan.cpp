#include "llm/prompt_plan.h"

#include <algorithm>
#include <limits>

namespace llama4rec::llm {
namespace {

constexpr double kTokensPerUnit = 600;
constexpr std::int64_t kMostRequests = 64;

std::int64_t common_prefix(const std::vector<Token>& a, const std::vector<Token>& b) {
  const auto [at, unused] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return at - a.begin();
}

}  // namespace

std::vector<PromptGroup> plan_prompts(std::span<const PlannedPrompt> prompts) {
  const auto count = prompts.size();
  // best[i]: the least cost of requests 0 .. i-1; first[i]: where the last group of that solution begins.
  std::vector<double> best(count + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> first(count + 1, 0);
  std::vector<std::int64_t> added(count, 0);  // tokens that request i adds to a tree that ends with request i-1
  for (std::size_t i = 0; i < count; ++i) {
    const auto shared = i == 0 ? 0 : common_prefix(prompts[i - 1].tokens, prompts[i].tokens);
    added[i] = static_cast<std::int64_t>(prompts[i].tokens.size()) - shared + prompts[i].answer_tokens;
  }
  best[0] = 0;
  for (std::size_t begin = 0; begin < count; ++begin) {
    double tokens = 0;
    for (std::size_t end = begin + 1; end <= count && end - begin <= static_cast<std::size_t>(kMostRequests); ++end) {
      const auto& last = prompts[end - 1];
      tokens += end - 1 == begin
                    ? static_cast<double>(static_cast<std::int64_t>(last.tokens.size()) + last.answer_tokens)
                    : static_cast<double>(added[end - 1]);
      const double cost = best[begin] + tokens * (1 + tokens / kTokensPerUnit);
      if (cost < best[end]) {
        best[end] = cost;
        first[end] = begin;
      }
    }
  }
  std::vector<PromptGroup> groups;
  for (std::size_t end = count; end > 0; end = first[end]) {
    PromptGroup group{.first = static_cast<std::int64_t>(first[end]),
                      .count = static_cast<std::int64_t>(end - first[end])};
    for (std::size_t i = first[end]; i < end; ++i) {
      group.slots +=
          i == first[end] ? static_cast<std::int64_t>(prompts[i].tokens.size()) + prompts[i].answer_tokens : added[i];
    }
    groups.push_back(group);
  }
  std::reverse(groups.begin(), groups.end());
  return groups;
}

}  // namespace llama4rec::llm
