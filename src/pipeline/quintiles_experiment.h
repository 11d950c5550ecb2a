// The experiment `quintiles`: how much of the gain reaches users with few interactions.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline {

/// Of one run of the document: a row for each quintile (run_quintiles.h), by the choosing metric.
std::string quintiles_markdown(const nlohmann::ordered_json& run);
/// Of the whole document: one line for each quintile, row and metric.
std::string quintiles_csv(const nlohmann::ordered_json& document);
/// Of one run: the table and the metric by quintile.
nlohmann::json quintiles_blocks(const nlohmann::ordered_json& run);
/// Of the whole document: the difference to Base by quintile, a line for each run.
nlohmann::json quintiles_overview(const nlohmann::ordered_json& document);

}  // namespace llama4rec::pipeline
