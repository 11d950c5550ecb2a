// Several prompts and the answers to be scored in one row: each shared beginning is read once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// Tokens in depth-first order. A token's ancestors are what it reads; key_ends says for how long a token is one: the end of its
/// subtree (attention.h).
class TokenTree {
 public:
  /// Adds a path from the root, sharing nodes with the path added last as far as the tokens agree (so neighbours that share a
  /// beginning should be added one after the other). Returns the slots of its tokens.
  std::vector<std::int64_t> add_path(std::span<const Token> tokens);
  /// Adds tokens below `parent`, which must lie on the path added last (depth-first order), again sharing what they can with the
  /// child added last. Returns the slots of the added tokens.
  std::vector<std::int64_t> add_below(std::int64_t parent, std::span<const Token> tokens);

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  [[nodiscard]] const std::vector<Token>& tokens() const { return tokens_; }
  [[nodiscard]] const std::vector<std::int32_t>& depths() const { return depths_; }
  /// By slot: one past the last slot of the subtree.
  [[nodiscard]] std::vector<std::int32_t> subtree_ends() const;

 private:
  std::vector<Token> tokens_;
  std::vector<std::int32_t> depths_;  // position in the sequence
  std::vector<std::int64_t> open_;    // slots of the path added last, by depth
};

}  // namespace llama4rec::llm
