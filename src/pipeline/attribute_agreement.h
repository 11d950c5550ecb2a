// How far generated attributes agree with a judge or with known facts (the paper's Figure 8).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/configuration.h"
#include "tensor/torch.h"

namespace llama4rec::pipeline {

struct AgreementPlan {
  std::vector<std::string> datasets = {"ml-100k", "ml-1m", "book-crossing"};
  std::int64_t sample = 50;  ///< items (users) per attribute
  std::uint64_t seed = 1;
  std::filesystem::path directory = "runs/experiments/method";
  std::optional<config::Configuration>
      judge;                       ///< the judging model's options above the others; none: augmentation.facts
  std::filesystem::path verdicts;  ///< a person's; empty: none
};

/// Fills in the attributes (augmentation.attributes; without any the paper's of a known data set), draws a sample and compares it. Writes
/// figure8.json, .md, .csv, .html and DATASET-disagreements.csv to the directory. UsageError without a judge and without facts.
nlohmann::ordered_json run_attribute_agreement(const AgreementPlan& plan, const config::Configuration& configuration,
                                               torch::Device device, const std::string& command_line);

std::string agreement_markdown(const nlohmann::ordered_json& document);
/// One line for each data set and attribute.
std::string agreement_csv(const nlohmann::ordered_json& document);
/// The page, as a document of the report layer.
nlohmann::json agreement_report(const nlohmann::ordered_json& document);

}  // namespace llama4rec::pipeline
