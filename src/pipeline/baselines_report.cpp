// The document of the experiment `baselines` as a page.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pipeline/baselines.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using report_blocks::number_text;

std::string table_heading(const ordered_json& table) {
  const bool rating = table.at("task") == "rating";
  return fmt::format("{}{}, {}{}, {} users", table.at("dataset").get<std::string>(),
                     table.at("synthetic").get<bool>() ? " (synthetic)" : "", table.at("task").get<std::string>(),
                     rating ? "" : ", " + table.at("protocol").get<std::string>(),
                     table.at("users").get<std::string>());
}

std::string cell(const ordered_json& value) {
  const auto deviation = value.at("deviation").get<double>();
  return number_text(value.at("mean").get<double>()) + (deviation > 0 ? " ± " + number_text(deviation) : "");
}

json table_block(const ordered_json& table) {
  const auto& rows = table.at("rows");
  const auto metrics = baseline_metrics(rows.front().at("test"));
  const std::string judged = table.at("task") == "rating" ? "RMSE" : "N@10";
  const bool has_judged = rows.front().at("validation").contains(judged);
  std::vector<std::string> columns{"model"};
  columns.insert(columns.end(), metrics.begin(), metrics.end());
  if (has_judged) columns.push_back("validation " + judged);
  json block = report_blocks::table(fmt::format("{} test users; mean ± standard deviation over the seeds.",
                                                table.at("test_users").get<std::int64_t>()),
                                    columns);
  for (const auto& row : rows) {
    json cells{row.at("title").get<std::string>()};
    for (const auto& metric : metrics) cells.push_back(cell(row.at("test").at(metric)));
    if (has_judged) cells.push_back(cell(row.at("validation").at(judged)));
    block["rows"].push_back(std::move(cells));
  }
  if (table.at("task") == "rating") block["notes"] = {"Lower is better."};
  return block;
}

/// The test metric by model: of the longest list, which counts most hits, or RMSE.
json plot_block(const ordered_json& table) {
  const auto metrics = baseline_metrics(table.at("rows").front().at("test"));
  const std::string metric = table.at("task") == "rating" ? metrics.front() : metrics.back();
  json x = json::array();
  json y = json::array();
  for (const auto& row : table.at("rows")) {
    x.push_back(row.at("title").get<std::string>());
    y.push_back(row.at("test").at(metric).at("mean").get<double>());
  }
  return report_blocks::plot("bar", fmt::format("{} by model.", metric), "", metric,
                             json::array({report_blocks::series(metric, x, y)}));
}

json seconds_block(const ordered_json& document) {
  json block = report_blocks::table("Seconds of training, all seeds together.",
                                    {"model", "table", "epochs", "seconds", "seconds per epoch"});
  block["columns"][1] = report_blocks::column("table", false);
  for (const auto& table : document.at("tables")) {
    for (const auto& row : table.at("rows")) {
      double epochs = 0;
      double seconds = 0;
      for (const auto& run : row.at("runs")) {
        epochs += run.value("epochs", 0.0);
        if (run.contains("seconds")) seconds += run.at("seconds").value("train", 0.0);
      }
      block["rows"].push_back(json::array({row.at("title").get<std::string>(), table_heading(table),
                                           fmt::format("{:.0f}", epochs), fmt::format("{:.1f}", seconds),
                                           fmt::format("{:.3f}", row.at("seconds_per_epoch").get<double>())}));
    }
  }
  return block;
}

}  // namespace

json baselines_report(const ordered_json& document) {
  const auto& tables = document.at("tables");
  const auto seed = document.at("seed").get<std::uint64_t>();
  json page{{"title", "Baselines: every conventional recommender"}};
  page["subtitle"] =
      fmt::format("Seeds {} to {}, profile {}.", seed, seed + document.at("repeats").get<std::uint64_t>() - 1,
                  document.at("profile").get<std::string>());
  page["badges"] = json::array();
  if (std::any_of(tables.begin(), tables.end(),
                  [](const auto& it) { return it.at("synthetic").template get<bool>(); })) {
    page["badges"].push_back({{"text", "synthetic data"}, {"kind", "warning"}});
  }
  json& sections = page["sections"];
  for (const auto& table : tables) {
    sections.push_back(
        {{"title", table_heading(table)}, {"blocks", json::array({table_block(table), plot_block(table)})}});
  }
  sections.push_back({{"title", "Cost"}, {"blocks", json::array({seconds_block(document)})}});
  sections.push_back({{"title", "Reproduce"},
                      {"blocks", json::array({report_blocks::command(document.at("command").get<std::string>())})}});
  return page;
}

}  // namespace llama4rec::pipeline
