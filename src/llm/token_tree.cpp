#include "llm/token_tree.h"

namespace llama4rec::llm {

std::vector<std::int64_t> TokenTree::add_path(std::span<const Token> tokens) { return add_below(-1, tokens); }

std::vector<std::int64_t> TokenTree::add_below(std::int64_t parent, std::span<const Token> tokens) {
  auto depth = parent < 0 ? 0 : static_cast<std::size_t>(depths_[static_cast<std::size_t>(parent)]) + 1;
  std::vector<std::int64_t> slots;
  std::size_t next = 0;
  for (; next < tokens.size() && depth < open_.size(); ++next, ++depth) {
    if (tokens_[static_cast<std::size_t>(open_[depth])] != tokens[next]) break;
    slots.push_back(open_[depth]);
  }
  // Whatever lay open below is finished, also where this path is a beginning of the last one.
  open_.resize(depth);
  for (; next < tokens.size(); ++next, ++depth) {
    open_.push_back(size());
    slots.push_back(size());
    tokens_.push_back(tokens[next]);
    depths_.push_back(static_cast<std::int32_t>(depth));
  }
  return slots;
}

std::vector<std::int32_t> TokenTree::subtree_ends() const {
  std::vector<std::int32_t> ends(tokens_.size());
  std::vector<std::size_t> open;
  for (std::size_t slot = 0; slot < tokens_.size(); ++slot) {
    while (!open.empty() && depths_[open.back()] >= depths_[slot]) {
      ends[open.back()] = static_cast<std::int32_t>(slot);
      open.pop_back();
    }
    open.push_back(slot);
  }
  for (const auto slot : open) ends[slot] = static_cast<std::int32_t>(tokens_.size());
  return ends;
}

}  // namespace llama4rec::llm
