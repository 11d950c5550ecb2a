// The user's checkpoint in place of a model made on the spot (llm.kind: checkpoint).
#pragma once

#include <optional>

#include "config/configuration.h"
#include "llm/checkpoint_description.h"

namespace llama4rec::pipeline {

/// What the run's checkpoint is; nothing where llm.kind is another. Hashes its files, so call it once a run. Says on the log that its
/// pre-training is not known, and which options that were set have no effect on it. UsageError where llm.kind and llm.checkpoint contradict each
/// other or there is no such folder, DataError where it is no checkpoint.
std::optional<llm::CheckpointDescription> describe_run_checkpoint(const config::Configuration& configuration);

}  // namespace llama4rec::pipeline
