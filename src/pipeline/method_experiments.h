// The paper's tables and figures that are made of whole runs, and some of our own: which runs, which of their rows, one document.
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

/// A setting that an experiment varies: a label and the options that make it.
struct ExperimentVariant {
  std::string label;                     ///< empty where there is only one
  std::vector<std::string> assignments;  ///< key=value
};

/// What a document shows of its runs.
enum class ExperimentView {
  kRows,
  kGrid,       ///< also the choosing metric by a1 and a2
  kDuel,       ///< also the first variant's Llama4Rec against the second's language model, task by task (duel.h)
  kQuintiles,  ///< the rows by quintile of the users' training interactions (run_quintiles.h)
  kCost,       ///< seconds and tokens beside the gain (run_cost.h)
};
std::string to_string(ExperimentView view);

/// One experiment.
struct MethodExperiment {
  std::string name;         ///< "table2", "figure6"
  std::string description;  ///< for --help and the document's title
  std::vector<std::string> datasets;
  std::vector<std::string> models;
  std::vector<ExperimentVariant> variants;
  std::vector<std::string> rows;  ///< names of a run's rows, in the table's order
  ExperimentView view = ExperimentView::kRows;
};

/// All of them, in the paper's order.
const std::vector<MethodExperiment>& method_experiments();
/// UsageError with the known names.
const MethodExperiment& method_experiment(const std::string& name);

/// What the user changes.
struct MethodPlan {
  std::vector<std::string> datasets;  ///< empty: the experiment's
  std::vector<std::string> models;    ///< empty: the experiment's
  std::int64_t repeats = 5;
  std::uint64_t seed = 1;
  std::string scale =
      "small";  ///< "small": what this program's defaults make on a laptop; "paper": the paper's sizes, for a checkpoint
  std::filesystem::path directory = "runs/experiments/method";
  std::optional<config::Configuration> other;  ///< of a duel: the other language model's options, above all others
};

/// Runs or resumes every run of the experiment; they share their stages, also with other experiments in the same directory. A run that ended
/// is read back. Writes NAME.json, NAME.md, NAME.csv and NAME.html to the directory after each run; returns the document.
nlohmann::ordered_json run_method_experiment(const MethodExperiment& experiment, const MethodPlan& plan,
                                             const config::Configuration& configuration, torch::Device device,
                                             const std::string& command_line);

/// The document as Markdown: a table for each data set and variant.
std::string method_markdown(const nlohmann::ordered_json& document);
/// One line for each row and metric; of the views "quintiles" and "cost" see quintiles_experiment.h and cost_experiment.h.
std::string method_csv(const nlohmann::ordered_json& document);
/// The page, as a document of the report layer: overview, a section for each data set and variant, cost, how to reproduce it.
nlohmann::json method_report(const nlohmann::ordered_json& document);

}  // namespace llama4rec::pipeline
