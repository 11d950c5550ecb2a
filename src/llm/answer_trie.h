// Token tries over the options of an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// Token sequences by their common beginnings. Sequences may be prefixes of each other or equal.
class AnswerTrie {
 public:
  struct Node {
    std::vector<std::pair<Token, std::int64_t>> children;  ///< token and node, ascending by token
    std::vector<std::int64_t> options;                     ///< that end here, ascending
    std::int64_t alive = 0;                                ///< options at or below that are not removed
  };

  /// Option i is sequences[i]; none may be empty.
  explicit AnswerTrie(std::span<const std::vector<Token>> sequences);

  static constexpr std::int64_t kRoot = 0;
  [[nodiscard]] const Node& node(std::int64_t index) const { return nodes_[static_cast<std::size_t>(index)]; }
  /// Children with an option that is not removed.
  [[nodiscard]] std::vector<std::pair<Token, std::int64_t>> living_children(std::int64_t index) const;
  /// The first option that ends here and is not removed.
  [[nodiscard]] std::optional<std::int64_t> ending(std::int64_t index) const;
  void remove(std::int64_t option);
  [[nodiscard]] std::int64_t remaining() const { return node(kRoot).alive; }

 private:
  std::vector<Node> nodes_;
  std::vector<std::vector<Token>> sequences_;
  std::vector<bool> removed_;
};

/// Walks through a permutation of the options, each followed by the separator, the last one by the end token. Says which
/// tokens may come next; the caller chooses. Where an option is complete but another one goes on from there (one's tokens begin
/// the other's), both ways are offered, and a token that both allow completes the option.
class PermutationWalk {
 public:
  /// Stops after `generate` options (1 .. their number).
  PermutationWalk(std::span<const std::vector<Token>> options, const std::vector<Token>& separator, Token end,
                  std::int64_t generate);

  /// Tokens that may come next, ascending. One: forced. None: done.
  [[nodiscard]] std::vector<Token> allowed() const;
  /// Takes an allowed token.
  void advance(Token token);
  [[nodiscard]] bool done() const { return done_; }
  /// Options complete so far.
  [[nodiscard]] const std::vector<std::int64_t>& order() const { return order_; }

 private:
  [[nodiscard]] std::vector<Token> beginnings_without(std::int64_t option) const;
  [[nodiscard]] const std::vector<Token>& last_sequence() const;
  void complete(std::int64_t option);

  std::vector<std::vector<Token>> final_sequences_;  ///< options followed by the end token
  AnswerTrie trie_;                                  ///< options followed by the separator
  std::vector<bool> used_;
  std::int64_t generate_;
  std::vector<std::int64_t> order_;
  std::int64_t node_ = AnswerTrie::kRoot;
  std::size_t place_ = 0;  ///< in the last remaining option
  bool done_ = false;
};

}  // namespace llama4rec::llm
