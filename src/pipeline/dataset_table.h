// The experiment `table3`: the data sets in figures.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/statistics.h"

namespace llama4rec::pipeline {

/// The document, which is also written as table3.json, .md, .csv and .html to the directory.
nlohmann::ordered_json write_dataset_table(const std::vector<data::DatasetStatistics>& statistics,
                                           const std::filesystem::path& directory, const std::string& command_line);

/// One line for each data set.
std::string dataset_table_csv(const nlohmann::ordered_json& document);
/// The page, as a document of the report layer: Table III, each task's split, how the source was treated.
nlohmann::json dataset_table_report(const nlohmann::ordered_json& document);

}  // namespace llama4rec::pipeline
