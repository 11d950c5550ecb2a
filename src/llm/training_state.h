// Where a training run stands, on disk: weights, moments, step, place in the epoch, what was summed up so far.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "llm/adamw.h"
#include "llm/embedded_llm.h"
#include "llm/parallel/parameter_units.h"
#include "tensor/parallel/world.h"

namespace llama4rec::llm {

/// Position of a run between two steps.
struct TrainingPosition {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;    ///< of the epoch's plan, the next one
  double total_loss = 0;     ///< over the epoch's learned tokens so far
  std::int64_t learned = 0;  ///< those tokens
  TrainingSummary summary;
};

/// Writes the state. `key` identifies the run (options, seed, starting weights). One process writes one file, atomically; several write
/// their parts beside it (file.STEP.RANK), then the leading one the file that names them, and removes older parts. Every process calls it.
void write_training_state(const std::filesystem::path& file, const std::string& key, const TrainingPosition& position,
                          const AdamW& optimiser, const ParameterUnits& units, const tensor::World& world);

/// Restores weights, moments and position; the processes may be others than those that wrote. DataError when a file is missing, damaged or was
/// written by another run.
void read_training_state(const std::filesystem::path& file, const std::string& key, TrainingPosition& position,
                         AdamW& optimiser, const ParameterUnits& units);

/// Removes the state, parts included.
void remove_training_state(const std::filesystem::path& file);

}  // namespace llama4rec::llm
