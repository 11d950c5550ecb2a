// A whole block of the transformer as one autograd node, for training in bfloat16 on the CPU.
#pragma once

#include <cstdint>

#include "llm/transformer.h"

namespace llama4rec::llm::mixed {

/// What a block's arithmetic depends on besides its weights.
struct BlockPass {
  SequenceShape shape;
  double dropout = 0;                ///< probability
  std::uint64_t attention_seed = 0;  ///< of the dropout behind the attention, and behind the feed-forward layer
  std::uint64_t feed_forward_seed = 0;
};

/// Whether sizes are even, as products of pairs need them.
bool fits_block(const ModelConfig& config);

/// x [batch * length, hidden] -> the same shape, as Transformer::block_states without adapters. Rows go through the layers a few at a time, so that
/// intermediate values stay in the cache; what the backward pass needs is kept in bfloat16. `copies` are of the present weights; they, `model`
/// and its weights must live until the backward pass is over.
torch::Tensor block(const torch::Tensor& x, const Transformer& model, std::size_t layer, const MixedBlock& copies,
                    const BlockPass& pass);

}  // namespace llama4rec::llm::mixed
