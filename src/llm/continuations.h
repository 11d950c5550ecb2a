// How answers are written token by token: a permutation of options, or free text.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "llm/answer_progress.h"
#include "llm/answer_trie.h"
#include "llm/decoder_request.h"
#include "llm/generation.h"

namespace llama4rec::llm {

/// A greedy or sampled continuation of tokens.
struct GeneratedTokens {
  std::vector<Token> tokens;              ///< without the end token
  std::vector<double> log_probabilities;  ///< one per token
  bool ended = false;                     ///< by an end token, not by the limit
};

/// Writes a permutation of the options.
class PermutationContinuation : public Continuation {
 public:
  PermutationContinuation(const PreparedRequest& prepared, Token end, bool jump_forward);

  [[nodiscard]] std::vector<Token> allowed() const override { return walk_.allowed(); }
  std::vector<Token> take(Token token, double log_probability) override;
  [[nodiscard]] const std::vector<std::int64_t>& order() const { return walk_.order(); }
  [[nodiscard]] std::int64_t written() const { return written_; }

 private:
  static std::int64_t generated_options(const PreparedRequest& prepared);
  PermutationWalk walk_;
  bool jump_forward_;
  std::int64_t written_ = 0;
};

/// Writes anything until one of the end tokens.
class FreeContinuation : public Continuation {
 public:
  /// `wrote`, where not empty, is told every token but the end token and may end the text.
  FreeContinuation(std::vector<Token> ends, std::int64_t maximum, TokenArrival wrote = {})
      : ends_(std::move(ends)), maximum_(maximum), wrote_(std::move(wrote)) {}

  [[nodiscard]] std::vector<Token> allowed() const override { return {}; }
  std::vector<Token> take(Token token, double log_probability) override;
  GeneratedTokens result;

 private:
  std::vector<Token> ends_;
  std::int64_t maximum_;
  TokenArrival wrote_;
};

/// Most tokens that a continuation may still put into the cache.
std::int64_t room_for(const PreparedRequest& prepared);

}  // namespace llama4rec::llm
