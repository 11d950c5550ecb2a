// Reading the document of an experiment on whole runs (method_experiments.h), for its Markdown, CSV and HTML.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline {

/// The metrics of a run's rows, in the order of its table.
std::vector<std::string> metrics_of(const nlohmann::ordered_json& run);
/// The metric that choices on validation looked at: "N@5", "RMSE".
std::string choosing_metric(const nlohmann::ordered_json& run);
/// The row of that name, or null.
const nlohmann::ordered_json* row_of(const nlohmann::ordered_json& run, const std::string& name);
/// Of Llama4Rec: "*" where it gains with p of at most 0.05 over users, "*†" where that survives Holm within the run; else empty.
std::string significance_mark(const nlohmann::ordered_json& run, const std::string& metric);
/// (llama4rec - base) / base, with the sign turned where lower is better; 0 where Base is 0.
double gain_over_base(const nlohmann::ordered_json& run, const std::string& metric);
/// "ml-100k (synthetic), 20 candidates".
std::string heading_of(const nlohmann::ordered_json& run);
/// "LightGCN, ml-100k (synthetic), 20 candidates".
std::string run_title(const nlohmann::ordered_json& run);
/// For plots, where space is short: "LightGCN" where all runs of the document have one heading, else the run's title.
std::string short_title(const nlohmann::ordered_json& document, const nlohmann::ordered_json& run);

}  // namespace llama4rec::pipeline
