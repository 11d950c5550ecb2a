// Multiplications and additions of a model, for shares of the machine's limit: twice the weights used per token, plus attention's
// products with the keys and values that are visible. Free of libtorch.
#pragma once

#include "llm/model_config.h"

namespace llama4rec::llm {

/// Of the blocks' matrices, per token.
double block_operations(const ModelConfig& config);
/// Reading `sequences` prompts of `length` tokens: logits of the last token of each.
double prefill_operations(const ModelConfig& config, double sequences, double length);
/// Writing one token behind `length` others.
double decode_operations(const ModelConfig& config, double length);
/// Forward and backward passes over `tokens` tokens in sequences of `length`, `learned` of them in the loss: three times the forward pass.
double training_operations(const ModelConfig& config, double tokens, double length, double learned);

}  // namespace llama4rec::llm
