#include "llm/answer_trie.h"

#include <algorithm>

namespace llama4rec::llm {
namespace {

std::vector<std::vector<Token>> followed_by(std::span<const std::vector<Token>> options,
                                            const std::vector<Token>& tail) {
  std::vector<std::vector<Token>> sequences(options.begin(), options.end());
  for (auto& sequence : sequences) sequence.insert(sequence.end(), tail.begin(), tail.end());
  return sequences;
}

}  // namespace

AnswerTrie::AnswerTrie(std::span<const std::vector<Token>> sequences)
    : nodes_(1), sequences_(sequences.begin(), sequences.end()), removed_(sequences.size(), false) {
  for (std::size_t option = 0; option < sequences.size(); ++option) {
    std::size_t at = 0;
    ++nodes_[at].alive;
    for (const Token token : sequences_[option]) {
      const auto& children = nodes_[at].children;
      const auto place = std::lower_bound(children.begin(), children.end(), std::pair(token, std::int64_t{0}));
      if (place != children.end() && place->first == token) {
        at = static_cast<std::size_t>(place->second);
      } else {
        const auto child = nodes_.size();
        nodes_[at].children.insert(place, {token, static_cast<std::int64_t>(child)});
        nodes_.emplace_back();
        at = child;
      }
      ++nodes_[at].alive;
    }
    nodes_[at].options.push_back(static_cast<std::int64_t>(option));
  }
}

std::vector<std::pair<Token, std::int64_t>> AnswerTrie::living_children(std::int64_t index) const {
  std::vector<std::pair<Token, std::int64_t>> living;
  for (const auto& child : node(index).children) {
    if (node(child.second).alive > 0) living.push_back(child);
  }
  return living;
}

std::optional<std::int64_t> AnswerTrie::ending(std::int64_t index) const {
  for (const auto option : node(index).options) {
    if (!removed_[static_cast<std::size_t>(option)]) return option;
  }
  return std::nullopt;
}

void AnswerTrie::remove(std::int64_t option) {
  removed_[static_cast<std::size_t>(option)] = true;
  std::size_t at = 0;
  --nodes_[at].alive;
  for (const Token token : sequences_[static_cast<std::size_t>(option)]) {
    const auto& children = nodes_[at].children;
    at = static_cast<std::size_t>(
        std::lower_bound(children.begin(), children.end(), std::pair(token, std::int64_t{0}))->second);
    --nodes_[at].alive;
  }
}

PermutationWalk::PermutationWalk(std::span<const std::vector<Token>> options, const std::vector<Token>& separator,
                                 Token end, std::int64_t generate)
    : final_sequences_(followed_by(options, {end})),
      trie_(followed_by(options, separator)),
      used_(options.size(), false),
      generate_(generate) {}

const std::vector<Token>& PermutationWalk::last_sequence() const {
  const auto last = std::find(used_.begin(), used_.end(), false) - used_.begin();
  return final_sequences_[static_cast<std::size_t>(last)];
}

std::vector<Token> PermutationWalk::beginnings_without(std::int64_t option) const {
  std::vector<Token> tokens;
  for (const auto& [token, child] : trie_.living_children(AnswerTrie::kRoot)) {
    const bool own = final_sequences_[static_cast<std::size_t>(option)].front() == token;
    if (trie_.node(child).alive > (own ? 1 : 0)) tokens.push_back(token);
  }
  return tokens;
}

std::vector<Token> PermutationWalk::allowed() const {
  if (done_) return {};
  if (trie_.remaining() == 1) return {last_sequence()[place_]};
  std::vector<Token> tokens;
  for (const auto& [token, child] : trie_.living_children(node_)) tokens.push_back(token);
  if (const auto complete = trie_.ending(node_)) {
    const auto next = beginnings_without(*complete);
    tokens.insert(tokens.end(), next.begin(), next.end());
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  }
  return tokens;
}

void PermutationWalk::complete(std::int64_t option) {
  order_.push_back(option);
  used_[static_cast<std::size_t>(option)] = true;
  trie_.remove(option);
  node_ = AnswerTrie::kRoot;
  done_ = static_cast<std::int64_t>(order_.size()) >= generate_ || trie_.remaining() == 0;
}

void PermutationWalk::advance(Token token) {
  if (trie_.remaining() > 1) {
    if (const auto finished = trie_.ending(node_)) {
      const auto next = beginnings_without(*finished);
      if (std::binary_search(next.begin(), next.end(), token)) complete(*finished);
    }
  }
  if (trie_.remaining() == 1) {
    if (++place_ < last_sequence().size()) return;
    complete(std::find(used_.begin(), used_.end(), false) - used_.begin());
    return;
  }
  for (const auto& [candidate, child] : trie_.living_children(node_)) {
    if (candidate == token) node_ = child;
  }
  const auto finished = trie_.ending(node_);
  const bool goes_on = !trie_.living_children(node_).empty();
  const bool last = static_cast<std::int64_t>(order_.size()) + 1 == generate_;
  if (finished && (!goes_on || last)) complete(*finished);
}

}  // namespace llama4rec::llm
