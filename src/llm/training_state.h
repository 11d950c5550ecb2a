// Where a training run stands, in one file: weights, moments, step, epoch, what was summed up so far.
#pragma once

#include <filesystem>
#include <string>

#include "llm/adamw.h"
#include "llm/embedded_llm.h"

namespace llama4rec::llm {

/// Position of a run between two epochs.
struct TrainingPosition {
  std::int64_t next_epoch = 0;
  TrainingSummary summary;
};

/// Writes the state atomically. `key` identifies the run (options, seed, starting weights).
void write_training_state(const std::filesystem::path& file, const std::string& key, const TrainingPosition& position,
                          const AdamW& optimiser);

/// Restores the weights and the optimiser's state in place; false when there is no file. DataError when the file is damaged or
/// was written by another run.
bool read_training_state(const std::filesystem::path& file, const std::string& key, TrainingPosition& position,
                         AdamW& optimiser);

}  // namespace llama4rec::llm
