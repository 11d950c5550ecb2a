// The tables of the experiment `baselines` as Markdown and CSV.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pipeline/baselines.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::ordered_json;

std::string plain_cell(const ordered_json& value) {
  const auto number = [](double x) {
    std::string text = fmt::format("{:.4f}", x);
    return text.starts_with("0.") ? text.substr(1) : text;
  };
  const double deviation = value.at("deviation").get<double>();
  return number(value.at("mean").get<double>()) + (deviation > 0 ? " ±" + number(deviation) : "");
}

}  // namespace

std::vector<std::string> baseline_metrics(const ordered_json& metrics) {
  if (metrics.contains("RMSE")) return {"RMSE", "MAE"};
  std::vector<std::int64_t> cutoffs;
  for (const auto& [name, value] : metrics.items()) {
    if (name.starts_with("H@")) cutoffs.push_back(std::stoll(name.substr(2)));
  }
  std::sort(cutoffs.begin(), cutoffs.end());
  std::vector<std::string> names;
  for (const std::int64_t cutoff : cutoffs) {
    names.push_back(fmt::format("H@{}", cutoff));
    names.push_back(fmt::format("N@{}", cutoff));
  }
  return names;
}

std::string baselines_markdown(const ordered_json& document) {
  std::string text =
      fmt::format("# Baselines\n\n    {}\n\nProfile `{}`, seeds {} to {}: mean ± standard deviation.\n",
                  document.at("command").get<std::string>(), document.at("profile").get<std::string>(),
                  document.at("seed").get<std::uint64_t>(),
                  document.at("seed").get<std::uint64_t>() + document.at("repeats").get<std::uint64_t>() - 1);
  for (const auto& table : document.at("tables")) {
    const bool rating = table.at("task") == "rating";
    text += fmt::format("\n## {}{}, {} recommendation, {}{} users ({})\n\n", table.at("dataset").get<std::string>(),
                        table.at("synthetic").get<bool>() ? " (synthetic)" : "", table.at("task").get<std::string>(),
                        rating ? "" : "protocol " + table.at("protocol").get<std::string>() + ", ",
                        table.at("users").get<std::string>(), table.at("test_users").get<std::int64_t>());
    const auto metrics = baseline_metrics(table.at("rows").front().at("test"));
    const std::string judged = rating ? "RMSE" : "N@10";
    const bool has_judged = table.at("rows").front().at("validation").contains(judged);
    text += "| model |";
    for (const auto& metric : metrics) text += fmt::format(" {} |", metric);
    if (has_judged) text += fmt::format(" validation {} |", judged);
    text += " s/epoch |\n|---|";
    for (std::size_t n = 0; n < metrics.size() + (has_judged ? 2 : 1); ++n) text += "---|";
    text += "\n";
    for (const auto& row : table.at("rows")) {
      text += fmt::format("| {} |", row.at("title").get<std::string>());
      for (const auto& metric : metrics) text += fmt::format(" {} |", plain_cell(row.at("test").at(metric)));
      if (has_judged) text += fmt::format(" {} |", plain_cell(row.at("validation").at(judged)));
      text += fmt::format(" {:.3f} |\n", row.at("seconds_per_epoch").get<double>());
    }
  }
  return text;
}

std::string baselines_csv(const ordered_json& document) {
  std::string text = "dataset,task,protocol,users,model,part,metric,mean,deviation,seeds\n";
  for (const auto& table : document.at("tables")) {
    for (const auto& row : table.at("rows")) {
      for (const char* part : {"validation", "test"}) {
        for (const auto& [metric, value] : row.at(part).items()) {
          text +=
              fmt::format("{},{},{},{},{},{},{},{},{},{}\n", table.at("dataset").get<std::string>(),
                          table.at("task").get<std::string>(), table.at("protocol").get<std::string>(),
                          table.at("users").get<std::string>(), row.at("model").get<std::string>(), part, metric,
                          value.at("mean").get<double>(), value.at("deviation").get<double>(), row.at("runs").size());
        }
      }
    }
  }
  return text;
}

}  // namespace llama4rec::pipeline
