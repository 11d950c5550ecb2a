// Training of a transformer on texts: pre-training and instruction tuning alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "llm/embedded_llm.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Learning rate of step `step` (from 1) of `steps`: linear warm-up (over at most a tenth of the run), then a cosine down to the
/// minimum.
double learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t steps);

/// Runs the epochs. The cosine's length is `epochs` times the steps of an epoch; where later epochs have other counts, it is
/// corrected at their beginning to what was done plus what is left. With adapters these alone learn. See TrainingHooks for resumption and
/// several processes. `start_key` identifies the starting weights and the tokeniser.
TrainingSummary train_model(Transformer& model, LoraAdapters* adapters, const Tokenizer& tokenizer,
                            const std::string& start_key, const TrainingSource& source, const TrainingOptions& options,
                            std::uint64_t seed, const TrainingHooks& hooks);

/// Mean loss over the learned tokens, without dropout and in float32.
double evaluate_model(const Transformer& model, const Tokenizer& tokenizer, std::span<const TrainingText> texts);

}  // namespace llama4rec::llm
