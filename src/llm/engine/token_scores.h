// Log-probabilities of given tokens in the engine's precision.
#pragma once

#include <span>
#include <vector>

#include "llm/engine/packed_model.h"

namespace llama4rec::llm {

/// log P(token | tokens before it), one per token after the first. The caller has checked the tokens.
std::vector<double> score_tokens(const PackedModel& model, std::span<const Token> tokens);

}  // namespace llama4rec::llm
