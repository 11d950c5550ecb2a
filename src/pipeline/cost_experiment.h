// The experiment `cost`: seconds and tokens beside the gain.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline {

/// A line for each run: gains, seconds by what they were spent on (run_cost.h), prompts and tokens.
std::string cost_markdown(const nlohmann::ordered_json& document);
/// The same; `gain_over_base`, `gain_over_better` and `seconds_...` as they are, not rounded.
std::string cost_csv(const nlohmann::ordered_json& document);
/// The tables, seconds as bars and gain by seconds.
nlohmann::json cost_blocks(const nlohmann::ordered_json& document);
/// Seconds by run and group, with a link to each run's report; for the page of any experiment.
nlohmann::json seconds_table(const nlohmann::ordered_json& document);

}  // namespace llama4rec::pipeline
