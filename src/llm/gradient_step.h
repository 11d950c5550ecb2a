// One step of training: losses and gradients of some examples.
#pragma once

#include <cstdint>
#include <span>

#include "llm/adamw.h"
#include "llm/training_example.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// What one step read and learned; its gradients are left in the model's parameters.
struct StepResult {
  double loss = 0;
  std::int64_t learned = 0;
  std::int64_t read = 0;
};

/// Forward and backward over the examples at `places`. Each thread takes a part of them through the whole model, so that the threads meet once
/// per step: with parallel operators they would meet some hundred times, and waiting costs more than such small operators.
/// `mixed_precision`: products in bfloat16 (CPU).
StepResult accumulate_gradients(const Transformer& model, const AdamW::Parameters& parameters,
                                std::span<const TrainingExample> examples, std::span<const std::int64_t> places,
                                std::uint64_t dropout_seed, bool mixed_precision);

}  // namespace llama4rec::llm
