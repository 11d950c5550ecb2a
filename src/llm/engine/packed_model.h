// A transformer's weights as the engine reads with them, and the reading of packed tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/engine/block_attention.h"
#include "llm/engine/block_cache.h"
#include "llm/engine/packed_matrix.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Tokens of one sequence that are read in one step, with others or alone.
struct PackedTokens {
  std::vector<Token> tokens;
  std::vector<std::int32_t> positions;  ///< in the sequence, below the context
  std::int32_t first_slot = 0;          ///< token i goes to slot first_slot + i
  /// Where the tokens are a tree in depth-first order: by token, the slot behind its subtree. Empty: each sees all before it.
  std::vector<std::int32_t> ends;
  std::span<const BlockId> blocks;  ///< of all slots up to the last token's
  std::vector<std::int32_t> asked;  ///< tokens, ascending, whose states are wanted
};

/// States [asked, hidden] behind the last norm, in the order of the sequences.
struct PackedStates {
  std::vector<float> values;
  std::int64_t count = 0;
};

/// Own copies of the matrices; the embedding, norms and biases are the transformer's. The transformer must outlive it and not change.
class PackedModel {
 public:
  PackedModel(const Transformer& transformer, Precision precision);

  [[nodiscard]] const ModelConfig& config() const { return transformer_.config(); }
  [[nodiscard]] Precision precision() const { return precision_; }
  /// Of the copies.
  [[nodiscard]] std::int64_t bytes() const;

  /// Reads the tokens, writing their keys and values. Of the last layer only what the asked states need is computed. A sequence may look
  /// at slots that another one writes in the same step. Shares the threads unless it is called from one of several.
  [[nodiscard]] PackedStates read(std::span<const PackedTokens> sequences, BlockCache& cache) const;

  /// Logits [rows, vocabulary] of states [rows, hidden].
  void logits(const float* states, std::int64_t rows, float* out) const;
  /// One token's logit.
  [[nodiscard]] float logit(const float* state, Token token) const;

 private:
  struct Layer {
    const float* attention_norm = nullptr;
    const float* feed_forward_norm = nullptr;
    const float* bias = nullptr;  // of queries, keys, values; may be null
    PackedMatrix query;
    PackedMatrix key_value;
    PackedMatrix attention_output;
    PackedMatrix gate_up;
    PackedMatrix down;
  };
  class Step;

  const Transformer& transformer_;
  Precision precision_;
  HeadLayout layout_;
  std::vector<Layer> layers_;
  PackedMatrix head_;
};

}  // namespace llama4rec::llm
