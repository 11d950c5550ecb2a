#include "pipeline/run_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::pipeline {
namespace {

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

TableRow over_seeds(const std::vector<SeedRows>& seeds, std::size_t index, const TableMetrics& metrics) {
  const SeedRow& first = seeds.front().rows[index];
  TableRow row{.name = first.name, .title = first.title};
  for (const SeedRows& seed : seeds) {
    if (seed.rows.size() != seeds.front().rows.size() || seed.rows[index].name != first.name ||
        seed.users != seeds.front().users) {
      throw InternalError("the seeds of a run do not have the same rows and users");
    }
    const SeedRow& it = seed.rows[index];
    row.seeds.push_back(metrics.summarise(it.test));
    if (!it.method.empty()) row.methods.push_back(it.method);
    if (!it.utility.empty()) row.utilities.push_back(it.utility);
    if (it.a1 >= 0) row.a1.push_back(it.a1);
    if (it.a2 >= 0) row.a2.push_back(it.a2);
    if (it.weight >= 0) row.weights.push_back(it.weight);
    if (it.validation >= 0) row.validation.push_back(it.validation);
    for (const auto& [metric, values] : it.test) {
      auto& sum = row.per_user[metric];
      sum.resize(values.size(), 0.0);
      for (std::size_t user = 0; user < values.size(); ++user) {
        sum[user] += values[user] / static_cast<double>(seeds.size());
      }
    }
  }
  for (const auto& [metric, unused] : row.seeds.front()) {
    std::vector<double> values;
    for (const auto& seed : row.seeds) values.push_back(seed.at(metric));
    row.mean[metric] = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    row.deviation[metric] = deviation(values);
  }
  return row;
}

Improvement improvement(const RunTable& table, std::size_t index, std::uint64_t seed) {
  const std::string& metric = table.metrics.names[index];
  const std::string& per_user = table.metrics.per_user[index];
  const TableRow& base = row_named(table, "base");
  const TableRow& ift = row_named(table, "ift");
  const TableRow& method = row_named(table, "llama4rec");
  const TableRow& baseline = table.metrics.better(ift.mean.at(metric), base.mean.at(metric)) ? ift : base;
  Improvement result{.metric = metric, .baseline = baseline.name};
  const double before = baseline.mean.at(metric);
  if (before > 0) result.relative = (method.mean.at(metric) - before) / before;
  if (table.metrics.lower_is_better) result.relative = -result.relative;
  result.over_users = evaluation::compare(baseline.per_user.at(per_user), method.per_user.at(per_user), seed);
  std::vector<double> before_seeds;
  std::vector<double> after_seeds;
  for (std::size_t n = 0; n < method.seeds.size(); ++n) {
    before_seeds.push_back(baseline.seeds[n].at(metric));
    after_seeds.push_back(method.seeds[n].at(metric));
  }
  result.over_seeds_p = evaluation::paired_t_test(before_seeds, after_seeds);
  return result;
}

std::string p_text(double p) { return p < 0.0005 ? "<.001" : fmt::format("{:.3f}", p); }

}  // namespace

const TableRow& row_named(const RunTable& table, const std::string& name) {
  const auto row =
      std::find_if(table.rows.begin(), table.rows.end(), [&](const TableRow& it) { return it.name == name; });
  if (row == table.rows.end()) throw InternalError("the run's table has no row " + name);
  return *row;
}

RunTable make_table(const std::vector<SeedRows>& seeds, const TableMetrics& metrics, std::uint64_t seed) {
  if (seeds.empty()) throw InternalError("a run's table needs at least one seed");
  RunTable table{.users = seeds.front().users, .metrics = metrics};
  for (std::size_t index = 0; index < seeds.front().rows.size(); ++index)
    table.rows.push_back(over_seeds(seeds, index, metrics));
  std::vector<double> p_values;
  for (std::size_t index = 0; index < metrics.names.size(); ++index) {
    table.improvements.push_back(improvement(table, index, seed));
    p_values.push_back(table.improvements.back().over_users.t_test_p);
  }
  const std::vector<double> adjusted = evaluation::holm(p_values);
  for (std::size_t n = 0; n < adjusted.size(); ++n) table.improvements[n].holm_p = adjusted[n];
  return table;
}

nlohmann::ordered_json to_json(const RunTable& table) {
  nlohmann::ordered_json document;
  document["users"] = table.users.size();
  for (const TableRow& row : table.rows) {
    nlohmann::ordered_json it{{"name", row.name}, {"title", row.title}};
    for (const std::string& metric : table.metrics.names) it["metrics"][metric] = row.mean.at(metric);
    for (const std::string& metric : table.metrics.names) it["deviation"][metric] = row.deviation.at(metric);
    for (const auto& seed : row.seeds) it["seeds"].push_back(seed);
    if (!row.methods.empty()) it["method"] = row.methods;
    if (!row.utilities.empty()) it["utility"] = row.utilities;
    if (!row.a1.empty()) it["a1"] = row.a1;
    if (!row.a2.empty()) it["a2"] = row.a2;
    if (!row.weights.empty()) it["weight"] = row.weights;
    if (!row.validation.empty()) it["validation"] = row.validation;
    document["rows"].push_back(std::move(it));
  }
  for (const Improvement& it : table.improvements) {
    document["improvement"][it.metric] = it.relative;
    document["p_value"][it.metric] = it.over_users.t_test_p;
    document["tests"][it.metric] = {{"baseline", it.baseline},
                                    {"difference", it.over_users.difference},
                                    {"interval", {it.over_users.interval_low, it.over_users.interval_high}},
                                    {"t_test_p", it.over_users.t_test_p},
                                    {"wilcoxon_p", it.over_users.wilcoxon_p},
                                    {"holm_p", it.holm_p},
                                    {"over_seeds_p", it.over_seeds_p},
                                    {"detectable", it.over_users.detectable}};
  }
  return document;
}

std::string to_text(const RunTable& table, bool controls) {
  std::size_t width = 12;
  const auto shown = [&](const TableRow& row) {
    return controls || row.name == "base" || row.name == "ift" || row.name == "llama4rec";
  };
  for (const TableRow& row : table.rows) {
    if (shown(row)) width = std::max(width, row.title.size());
  }
  std::string text = fmt::format("{:<{}}", "", width);
  for (const std::string& metric : table.metrics.names) text += fmt::format("  {:>8}", metric);
  text += "\n";
  const auto line = [&](const TableRow& row) {
    text += fmt::format("{:<{}}", row.title, width);
    for (const std::string& metric : table.metrics.names) text += fmt::format("  {:>8.4f}", row.mean.at(metric));
    text += "\n";
  };
  const auto summary = [&](const std::string& title, const auto& value) {
    text += fmt::format("{:<{}}", title, width);
    for (const Improvement& it : table.improvements) text += fmt::format("  {:>8}", value(it));
    text += "\n";
  };
  for (const char* name : {"base", "ift", "llama4rec"}) line(row_named(table, name));
  summary("Impro.", [](const Improvement& it) { return fmt::format("{:+.2f}%", 100 * it.relative); });
  summary("p (t-test)", [](const Improvement& it) { return p_text(it.over_users.t_test_p); });
  summary("p (Wilcoxon)", [](const Improvement& it) { return p_text(it.over_users.wilcoxon_p); });
  if (!controls) return text;
  text += "\n";
  for (const TableRow& row : table.rows) {
    if (row.name != "base" && row.name != "ift" && row.name != "llama4rec") line(row);
  }
  return text;
}

}  // namespace llama4rec::pipeline
