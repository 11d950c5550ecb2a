#include "llm/continuations.h"

#include <algorithm>

namespace llama4rec::llm {

PermutationContinuation::PermutationContinuation(const PreparedRequest& prepared, Token end, bool jump_forward)
    : walk_(prepared.options, prepared.separator, end, generated_options(prepared)), jump_forward_(jump_forward) {}

std::int64_t PermutationContinuation::generated_options(const PreparedRequest& prepared) {
  const auto all = static_cast<std::int64_t>(prepared.options.size());
  const auto first = prepared.request->grammar.generate_first;
  return first > 0 ? std::min(first, all) : all;
}

std::vector<Token> PermutationContinuation::take(Token token, double /*log_probability*/) {
  std::vector<Token> chunk{token};
  walk_.advance(token);
  if (jump_forward_) {
    for (auto next = walk_.allowed(); next.size() == 1; next = walk_.allowed()) {
      chunk.push_back(next.front());
      walk_.advance(next.front());
    }
  }
  written_ += static_cast<std::int64_t>(chunk.size());
  if (walk_.done()) chunk.clear();
  return chunk;
}

std::vector<Token> FreeContinuation::take(Token token, double log_probability) {
  if (std::find(ends_.begin(), ends_.end(), token) != ends_.end()) {
    result.ended = true;
    return {};
  }
  result.tokens.push_back(token);
  result.log_probabilities.push_back(log_probability);
  if (wrote_ && !wrote_(token, log_probability)) return {};
  if (static_cast<std::int64_t>(result.tokens.size()) >= maximum_) return {};
  return {token};
}

std::int64_t room_for(const PreparedRequest& prepared) {
  if (prepared.request->grammar.kind == AnswerKind::kFreeText) return prepared.request->maximum_tokens;
  std::int64_t room = 1;
  for (const auto& option : prepared.options) {
    room += static_cast<std::int64_t>(option.size() + prepared.separator.size());
  }
  return room;
}

}  // namespace llama4rec::llm
