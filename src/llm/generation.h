// Step by step decoding of a batch of sequences whose prompts were read.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "llm/key_value_cache.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// What a sequence does with the model's state behind its last token.
class Continuation {
 public:
  virtual ~Continuation() = default;
  /// The tokens among which the next one is chosen; empty = any.
  [[nodiscard]] virtual std::vector<Token> allowed() const = 0;
  /// Takes the chosen token and its log-probability (0 where `allowed` named some). Returns the tokens to be read before the next
  /// choice; empty = the sequence is finished.
  virtual std::vector<Token> take(Token token, double log_probability) = 0;
};

/// Runs all continuations to their ends, greedily; equal logits: the smaller token. `states` [sequences, hidden] are those
/// behind the prompts' last tokens (before the last norm), `lengths` the tokens in each row of the cache, whose capacity must hold
/// the longest sequence and the longest chunk behind it. Where anything goes, one of the first `vocabulary` tokens is chosen: a model's
/// matrices may have rows behind the tokeniser's last piece.
void generate(const Transformer& model, std::int64_t vocabulary, KeyValueCache cache, torch::Tensor states,
              std::vector<std::int64_t> lengths, std::vector<Continuation*> continuations);

}  // namespace llama4rec::llm
