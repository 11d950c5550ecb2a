#include "pipeline/experiment_document.h"

#include <algorithm>

#include <fmt/format.h>

namespace llama4rec::pipeline {

using Json = nlohmann::ordered_json;

std::vector<std::string> metrics_of(const Json& run) {
  std::vector<std::string> metrics;
  for (const auto& [metric, unused] : run.at("rows").front().at("metrics").items()) metrics.push_back(metric);
  return metrics;
}

std::string choosing_metric(const Json& run) { return run.at("metric").get<std::string>(); }

const Json* row_of(const Json& run, const std::string& name) {
  for (const Json& row : run.at("rows")) {
    if (row.at("name") == name) return &row;
  }
  return nullptr;
}

std::string significance_mark(const Json& run, const std::string& metric) {
  const Json& test = run.at("tests").at(metric);
  if (run.at("improvement").at(metric).get<double>() <= 0 || test.at("t_test_p").get<double>() > 0.05) return "";
  return test.at("holm_p").get<double>() <= 0.05 ? "*†" : "*";
}

double gain_over_base(const Json& run, const std::string& metric) {
  const Json* base = row_of(run, "base");
  const Json* method = row_of(run, "llama4rec");
  if (base == nullptr || method == nullptr) return 0;
  const auto before = base->at("metrics").at(metric).get<double>();
  const auto after = method->at("metrics").at(metric).get<double>();
  if (before == 0) return 0;
  return (run.at("task") == "rating" ? before - after : after - before) / before;
}

std::string heading_of(const Json& run) {
  std::string heading = run.at("dataset").get<std::string>() + (run.at("synthetic").get<bool>() ? " (synthetic)" : "");
  if (const auto variant = run.at("variant").get<std::string>(); !variant.empty()) heading += ", " + variant;
  return heading;
}

std::string run_title(const Json& run) {
  return fmt::format("{}, {}", run.at("title").get<std::string>(), heading_of(run));
}

std::string short_title(const Json& document, const Json& run) {
  const auto& runs = document.at("runs");
  const bool alike = std::all_of(runs.begin(), runs.end(),
                                 [&](const Json& other) { return heading_of(other) == heading_of(runs.front()); });
  return alike ? run.at("title").get<std::string>() : run_title(run);
}

}  // namespace llama4rec::pipeline
