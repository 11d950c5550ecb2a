// Causal attention of training in bfloat16: products of pairs, softmax and sums in float32 (after FlashAttention, Dao et al. 2022: nothing of the
// size length x length is kept; probabilities are made again from the rows' log-sums).
#pragma once

#include <cstdint>

#include "llm/attention.h"
#include "llm/engine/precision.h"

namespace llama4rec::llm::mixed {

/// Sequences of one length below each other.
struct AttentionShape {
  std::int64_t batch = 0;
  std::int64_t length = 0;
  HeadLayout layout;  ///< of the joint rows; an even dimension
};

/// joint [batch * length, joint size] with queries and keys already rotated -> attended [batch * length, query size] and log_sums
/// [batch, heads, length]: log of the sum of a row's e^score. Shares the threads over sequences and heads.
void attend(const Bfloat16Bits* joint, const AttentionShape& shape, Bfloat16Bits* attended, float* log_sums);

/// `gradient` is of `attended`; inner [batch, heads, length]: each row's gradient times what was attended, summed. -> joint_gradient
/// [batch * length, joint size], of queries and keys before their rotation.
void attend_backward(const Bfloat16Bits* joint, const Bfloat16Bits* gradient, const float* inner, const float* log_sums,
                     const AttentionShape& shape, const RotaryTable& rotary, Bfloat16Bits* joint_gradient);

}  // namespace llama4rec::llm::mixed
