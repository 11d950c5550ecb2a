// A training text as tokens, cut to the context.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/tokenizer.h"
#include "llm/training_text.h"

namespace llama4rec::llm {

/// Tokens and which of them are learned. The first one, which is the begin token where the tokeniser has one, is never learned.
struct TrainingExample {
  std::vector<Token> tokens;
  std::vector<bool> learned;

  [[nodiscard]] std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
};

/// The examples of one epoch.
struct EncodedTexts {
  std::vector<TrainingExample> examples;  ///< those with at least one learned token
  std::int64_t learned_tokens = 0;
  std::int64_t shortened = 0;         ///< examples that lost segments
  std::int64_t dropped_segments = 0;  ///< lost by them
  std::int64_t without_learned = 0;   ///< texts that teach nothing and were left out
};

/// An example that does not fit `context` loses its oldest segments that are not learned. DataError naming the text's place when its
/// learned part alone does not fit, or when `learn` and `segments` differ in length.
EncodedTexts encode_texts(std::span<const TrainingText> texts, const Tokenizer& tokenizer, std::int64_t context);

}  // namespace llama4rec::llm
