#include "pipeline/quintiles_experiment.h"

#include <map>
#include <vector>

#include <fmt/format.h>

#include "pipeline/experiment_document.h"
#include "pipeline/markdown.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;
using report_blocks::number_text;
using report_blocks::signed_text;

std::string range_of(const Json& quintile) {
  const auto least = quintile.at("minimum").get<std::int64_t>();
  const auto most = quintile.at("maximum").get<std::int64_t>();
  return least == most ? fmt::format("{}", least) : fmt::format("{}–{}", least, most);
}

std::vector<std::string> columns_of(const Json& run) {
  std::vector<std::string> columns{"N(u)", "users"};
  for (const Json& row : run.at("quintiles").front().at("rows")) {
    const auto title = row.at("title").get<std::string>();
    columns.push_back(title);
    if (row.contains("difference")) columns.push_back(title + " − Base");
  }
  return columns;
}

std::vector<std::string> cells_of(const Json& quintile, const std::string& metric) {
  std::vector<std::string> cells{range_of(quintile), fmt::format("{}", quintile.at("users").get<std::int64_t>())};
  for (const Json& row : quintile.at("rows")) {
    cells.push_back(number_text(row.at("metrics").at(metric).get<double>()));
    if (!row.contains("difference")) continue;
    const Json& it = row.at("difference").at(metric);
    cells.push_back(fmt::format("{} [{}, {}]", signed_text(it.at("value").get<double>()),
                                signed_text(it.at("low").get<double>()), signed_text(it.at("high").get<double>())));
  }
  return cells;
}

/// Quintiles are named by their place: other runs have other numbers of interactions.
std::string place_of(const Json& quintile) {
  const auto place = quintile.at("quintile").get<int>();
  return place == 1 ? "1, the tail" : place == 5 ? "5, the head" : fmt::format("{}", place);
}

}  // namespace

std::string quintiles_markdown(const Json& run) {
  const std::string metric = choosing_metric(run);
  const auto columns = columns_of(run);
  std::string text = fmt::format("{}, {} by quintile of N(u), the user's training interactions:\n\n",
                                 run.at("title").get<std::string>(), metric);
  text += markdown_row(columns) + markdown_rule(columns.size());
  for (const Json& quintile : run.at("quintiles")) text += markdown_row(cells_of(quintile, metric));
  return text;
}

std::string quintiles_csv(const Json& document) {
  std::string text =
      "experiment,dataset,variant,backbone,row,metric,quintile,minimum,maximum,users,value,difference,low,high\n";
  for (const Json& run : document.at("runs")) {
    for (const Json& quintile : run.at("quintiles")) {
      for (const Json& row : quintile.at("rows")) {
        for (const auto& [metric, value] : row.at("metrics").items()) {
          text += fmt::format("{},{},\"{}\",{},\"{}\",{},{},{},{},{},{}", document.at("experiment").get<std::string>(),
                              run.at("dataset").get<std::string>(), run.at("variant").get<std::string>(),
                              run.at("backbone").get<std::string>(), row.at("name").get<std::string>(), metric,
                              quintile.at("quintile").get<int>(), quintile.at("minimum").get<std::int64_t>(),
                              quintile.at("maximum").get<std::int64_t>(), quintile.at("users").get<std::int64_t>(),
                              value.get<double>());
          if (!row.contains("difference")) {
            text += ",,,\n";
            continue;
          }
          const Json& it = row.at("difference").at(metric);
          text += fmt::format(",{},{},{}\n", it.at("value").get<double>(), it.at("low").get<double>(),
                              it.at("high").get<double>());
        }
      }
    }
  }
  return text;
}

nlohmann::json quintiles_blocks(const Json& run) {
  const std::string metric = choosing_metric(run);
  const auto title = run.at("title").get<std::string>();
  auto table = report_blocks::table(fmt::format("{}: {} by quintile, the tail first.", title, metric), columns_of(run));
  std::map<std::string, std::pair<nlohmann::json, nlohmann::json>> points;
  for (const Json& quintile : run.at("quintiles")) {
    table["rows"].push_back(cells_of(quintile, metric));
    for (const Json& row : quintile.at("rows")) {
      auto& [x, y] = points[row.at("title").get<std::string>()];
      x.push_back(range_of(quintile));
      y.push_back(row.at("metrics").at(metric).get<double>());
    }
  }
  table["notes"] = {
      fmt::format("N(u): the user's training interactions. In brackets 95% intervals of the difference, by "
                  "bootstrap over the quintile's users.{}",
                  run.at("task") == "rating" ? " Lower is better." : "")};
  auto all = nlohmann::json::array();
  for (const Json& row : run.at("quintiles").front().at("rows")) {
    const auto name = row.at("title").get<std::string>();
    all.push_back(report_blocks::series(name, points[name].first, points[name].second));
  }
  return nlohmann::json::array(
      {table, report_blocks::plot("bar", fmt::format("{}: {} by the user's training interactions.", title, metric),
                                  "N(u)", metric, all)});
}

nlohmann::json quintiles_overview(const Json& document) {
  std::map<std::string, nlohmann::json> by_metric;
  for (const Json& run : document.at("runs")) {
    const std::string metric = choosing_metric(run);
    auto x = nlohmann::json::array();
    auto y = nlohmann::json::array();
    for (const Json& quintile : run.at("quintiles")) {
      for (const Json& row : quintile.at("rows")) {
        if (row.at("name") != "llama4rec") continue;
        x.push_back(place_of(quintile));
        y.push_back(row.at("difference").at(metric).at("value").get<double>());
      }
    }
    by_metric[metric].push_back(report_blocks::series(short_title(document, run), x, y));
  }
  auto blocks = nlohmann::json::array();
  for (const auto& [metric, all] : by_metric) {
    blocks.push_back(
        report_blocks::plot("line",
                            fmt::format("Llama4Rec − Base in {} by quintile of the users' training interactions{}.",
                                        metric, metric == "RMSE" ? "; below zero is a gain" : ""),
                            "quintile of N(u)", metric + " − Base", all));
  }
  return blocks;
}

}  // namespace llama4rec::pipeline
