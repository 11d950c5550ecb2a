// Which language model answered in a run, in the manifest, the results, the printed table and the report.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/run_setup.h"

namespace llama4rec::pipeline {

/// "kind", "name", "parameters", "fingerprint", "tuned" (on this run's instructions) and "pretraining": "this run", or "unknown" where the
/// model comes from elsewhere. What only the stages tell is left out until `summaries` has it.
nlohmann::ordered_json language_model_facts(const RunSetup& setup, const nlohmann::ordered_json& summaries);

/// The facts as a sentence or two.
std::string language_model_sentence(const nlohmann::ordered_json& facts);

}  // namespace llama4rec::pipeline
