// Batches of examples of similar length, right-padded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/training_example.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// Examples of one step side by side. Each row is one example, so none sees another; causal attention never sees padding.
struct TrainingBatch {
  torch::Tensor tokens;   ///< [rows, length] int64: each example without its last token
  torch::Tensor sources;  ///< [learned] int64: flat positions (row * length + column) that predict a learned token
  torch::Tensor targets;  ///< [learned] int64: those tokens
  std::int64_t read = 0;  ///< tokens that are not padding
};

/// Splits examples into batches with at most `batch_tokens` tokens, padding included (at least one example each). Shuffled by
/// (seed, epoch): the order of all examples, then batches of similar length out of windows of several batches, then the
/// order of the batches. Returns the examples' places by batch.
std::vector<std::vector<std::int64_t>> plan_batches(std::span<const TrainingExample> examples,
                                                    std::int64_t batch_tokens, std::uint64_t seed, std::int64_t epoch);

TrainingBatch make_batch(std::span<const TrainingExample> examples, std::span<const std::int64_t> places);

}  // namespace llama4rec::llm
