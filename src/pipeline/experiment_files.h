// The files that an experiment ends in.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline {

/// What is written of an experiment beside its document.
struct ExperimentTexts {
  std::string markdown;
  std::string csv;
  nlohmann::json report;  ///< a document of the report layer
};

/// DIRECTORY/NAME.html.
std::filesystem::path experiment_page(const std::filesystem::path& directory, const std::string& name);

/// Writes NAME.json, NAME.md, NAME.csv and NAME.html, each whole; makes the directory where it is missing.
void write_experiment(const std::filesystem::path& directory, const std::string& name,
                      const nlohmann::ordered_json& document, const ExperimentTexts& texts);

}  // namespace llama4rec::pipeline
