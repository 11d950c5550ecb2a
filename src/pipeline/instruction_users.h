// What the drawing of instructions (instructions.sampling) knows of the users: how much they did, whom they are like.
#pragma once

#include <cstdint>

#include "pipeline/run_setup.h"
#include "pipeline/tuning_cases.h"
#include "prompts/instruction_fold.h"
#include "prompts/instruction_sampling.h"

namespace llama4rec::pipeline {

/// Interactions are those of the fold's allowed text. With instructions.sampling: clusters, the users who have targets in the fold are clustered by
/// the embeddings of the first model that has some: direct, sequential, rating. Who has nothing before the cut that this model could know
/// is in no cluster. UsageError where no model has embeddings.
prompts::SampledUsers instruction_users(const RunSetup& setup, const prompts::InstructionFold& fold,
                                        const TuningModels& models, std::uint64_t seed);

}  // namespace llama4rec::pipeline
