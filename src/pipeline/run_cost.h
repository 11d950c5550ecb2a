// What a run cost: seconds by what they were spent on, what the language models read and wrote.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/run_setup.h"
#include "pipeline/seed_record.h"

namespace llama4rec::pipeline {

/// What a stage is for.
enum class CostGroup {
  kBase,          ///< the backbone alone
  kInstructions,  ///< recommenders whose words instructions carry
  kPretraining,   ///< making the language model, or reading a checkpoint
  kTuning,
  kAugmentation,
  kRefit,
  kAsking,    ///< orders or ratings at validation and test
  kControls,  ///< what only controls need
};
std::string to_string(CostGroup group);

/// The group of a stage of a run. `subject`: the recommender that it fits; empty for other stages.
CostGroup cost_group(const RunSetup& setup, const std::string& stage, const std::string& subject);

/// Sums over the seeds: {"seconds": {GROUP: s}, "method_seconds": all but controls, "trained_tokens", "method": {"prompts", "tokens_read",
/// "tokens_written", "from_journal"}, "controls": the same}. Stages count as long as they took when they were done, whichever run did them;
/// tokens count whether an answer came from the model or from the journal, "from_journal" says how many came from there. What was asked is
/// null where a stage was done by a version that did not count it.
nlohmann::ordered_json cost_of(const RunSetup& setup, std::span<const SeedRecord> records);

}  // namespace llama4rec::pipeline
