// The experiment `baselines`: every conventional recommender under the evaluation protocols, over seeds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/configuration.h"

namespace llama4rec::pipeline {

/// Who is counted and what is ranked (docs/protocol.md).
struct EvaluationSetting {
  std::string protocol = "textbook";  ///< "textbook" or "selfrec"
  std::string users = "all";          ///< "all" or "warm"
};

struct BaselinePlan {
  std::vector<std::string> datasets;  ///< names or folders
  std::vector<std::string> models;    ///< registry names; empty: all
  std::vector<EvaluationSetting> settings;
  std::int64_t repeats = 5;
  std::uint64_t seed = 1;  ///< of the first repeat
  /// "tuned": PROFILES/DATASET/MODEL.yaml, "reference": PROFILES/DATASET/MODEL-reference.yaml, where there is such a file,
  /// "defaults": the program's defaults. Options that were set by hand stand above all.
  std::string profile = "tuned";
  std::filesystem::path profiles = "configs";
  std::filesystem::path directory = "runs/experiments/baselines";
};

/// UsageError naming what is wrong with a plan.
void check(const BaselinePlan& plan);

/// One table per data set, task and setting: rows are models with mean and standard deviation (n - 1) over the seeds, validation and
/// test. Finished cells are found again in `plan.directory`/cells. Writes baselines.json, .md, .csv and .html to `plan.directory` after each
/// table; returns the JSON document. `assignments`: the `key=value` that were set by hand.
nlohmann::ordered_json run_baselines(const BaselinePlan& plan, const config::Configuration& configuration,
                                     const std::vector<std::string>& assignments, const std::string& command_line);

/// The document as Markdown tables, and as CSV with one line per model and metric.
std::string baselines_markdown(const nlohmann::ordered_json& document);
std::string baselines_csv(const nlohmann::ordered_json& document);
/// The page, as a document of the report layer.
nlohmann::json baselines_report(const nlohmann::ordered_json& document);

/// The metrics that tables show, of those in a table's row: H@k and N@k by ascending k, or RMSE and MAE.
std::vector<std::string> baseline_metrics(const nlohmann::ordered_json& metrics);

}  // namespace llama4rec::pipeline
