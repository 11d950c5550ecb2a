// The documents of the experiments on whole runs as pages.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/text.h"
#include "pipeline/cost_experiment.h"
#include "pipeline/experiment_document.h"
#include "pipeline/method_experiments.h"
#include "pipeline/quintiles_experiment.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using Document = nlohmann::ordered_json;
using nlohmann::json;
using report_blocks::number_text;
using report_blocks::percent_text;
using report_blocks::signed_text;

/// Runs that can share a table or a plot, in their order.
template <class Key>
std::vector<std::pair<std::string, std::vector<const Document*>>> grouped(const Document& document, const Key& key) {
  std::vector<std::pair<std::string, std::vector<const Document*>>> groups;
  for (const Document& run : document.at("runs")) {
    const std::string now = key(run);
    const auto there = std::find_if(groups.begin(), groups.end(), [&](const auto& it) { return it.first == now; });
    auto& runs =
        there == groups.end() ? groups.emplace_back(now, std::vector<const Document*>{}).second : there->second;
    runs.push_back(&run);
  }
  return groups;
}

std::string text_of(const Document& run, const char* key) { return run.at(key).get<std::string>(); }

/// One run: its rows, improvement, tests.
json rows_table(const Document& run) {
  const auto metrics = metrics_of(run);
  std::vector<std::string> columns{""};
  columns.insert(columns.end(), metrics.begin(), metrics.end());
  json block =
      report_blocks::table(fmt::format("{}: {} test users, {} seed(s).", text_of(run, "title"),
                                       text::with_thousands(run.at("users").get<long long>()), run.at("seeds").size()),
                           columns);
  for (const Document& row : run.at("rows")) {
    if (row.at("name") == "llama4rec") block["highlight_rows"].push_back(block["rows"].size());
    json cells{row.at("title").get<std::string>()};
    for (const std::string& metric : metrics) {
      const auto deviation = row.at("deviation").at(metric).get<double>();
      cells.push_back(number_text(row.at("metrics").at(metric).get<double>()) +
                      (deviation > 0 ? " ± " + number_text(deviation) : "") +
                      (row.at("name") == "llama4rec" ? significance_mark(run, metric) : ""));
    }
    block["rows"].push_back(std::move(cells));
  }
  const auto add = [&](const std::string& title, const auto& value) {
    json cells{title};
    for (const std::string& metric : metrics) cells.push_back(value(metric));
    block["rows"].push_back(std::move(cells));
  };
  const auto test = [&](const std::string& metric, const char* key) {
    return run.at("tests").at(metric).at(key).get<double>();
  };
  add("Improvement", [&](const std::string& it) { return percent_text(run.at("improvement").at(it).get<double>()); });
  add("95% interval of the difference", [&](const std::string& it) {
    const Document& interval = run.at("tests").at(it).at("interval");
    return fmt::format("{} to {}", signed_text(interval[0].get<double>()), signed_text(interval[1].get<double>()));
  });
  add("p, t-test over users", [&](const std::string& it) { return number_text(test(it, "t_test_p")); });
  add("p, Wilcoxon", [&](const std::string& it) { return number_text(test(it, "wilcoxon_p")); });
  add("p, t-test after Holm", [&](const std::string& it) { return number_text(test(it, "holm_p")); });
  return block;
}

/// The choosing metric on validation: a line for each a2, and the grid as a table.
json grid_blocks(const Document& run) {
  const Document& grid = run.at("grid");
  const auto metric = text_of(grid, "metric");
  std::vector<double> a1s;
  std::vector<double> a2s;
  std::map<std::pair<double, double>, double> values;
  for (const Document& cell : grid.at("cells")) {
    const auto a1 = cell.at("a1").get<double>();
    const auto a2 = cell.at("a2").get<double>();
    if (std::find(a1s.begin(), a1s.end(), a1) == a1s.end()) a1s.push_back(a1);
    if (std::find(a2s.begin(), a2s.end(), a2) == a2s.end()) a2s.push_back(a2);
    values[{a1, a2}] = cell.at("value").get<double>();
  }
  std::vector<std::string> columns{"a1 \\ a2"};
  for (const double a2 : a2s) columns.push_back(fmt::format("{}", a2));
  const std::string caption = fmt::format("{}: {} on validation by a1 and a2", text_of(run, "title"), metric);
  json table = report_blocks::table(caption + ".", columns);
  for (const double a1 : a1s) {
    json cells{fmt::format("{}", a1)};
    for (const double a2 : a2s) cells.push_back(number_text(values[{a1, a2}]));
    table["rows"].push_back(std::move(cells));
  }
  table["notes"] = {"With a2 ≥ a1 every user has the same weight."};
  const auto lines = [&](const auto& of, const auto& along, const char* name, const auto& at) {
    json all = json::array();
    for (const double one : of) {
      json y = json::array();
      for (const double x : along) y.push_back(at(one, x));
      all.push_back(report_blocks::series(fmt::format("{} = {}", name, one), along, y));
    }
    return all;
  };
  return json::array({report_blocks::plot("line", caption + ", along a1.", "a1", metric,
                                          lines(a2s, a1s, "a2",
                                                [&](double a2, double a1) {
                                                  return values[{a1, a2}];
                                                })),
                      report_blocks::plot("line", caption + ", along a2.", "a2", metric,
                                          lines(a1s, a2s, "a1",
                                                [&](double a1, double a2) {
                                                  return values[{a1, a2}];
                                                })),
                      table});
}

json duel_blocks(const Document& run) {
  json table =
      report_blocks::table("Llama4Rec against this language model alone.", {"metric", "tasks", "win", "tie", "loss"});
  json names = json::array();
  std::map<std::string, json> shares;
  for (const Document& duel : run.at("duels")) {
    const auto tasks = duel.at("tasks").get<double>();
    json cells{text_of(duel, "metric"), duel.at("tasks").get<std::int64_t>()};
    names.push_back(text_of(duel, "metric"));
    for (const char* outcome : {"wins", "ties", "losses"}) {
      const double share = tasks > 0 ? 100 * duel.at(outcome).get<double>() / tasks : 0;
      cells.push_back(fmt::format("{:.0f}%", share));
      shares[outcome].push_back(share);
    }
    table["rows"].push_back(std::move(cells));
  }
  table["notes"] = {
      "Tasks are random users whose test item is among the candidates (first seed): elsewhere nobody can win."};
  json all = json::array({report_blocks::series("win", names, shares["wins"]),
                          report_blocks::series("tie", names, shares["ties"]),
                          report_blocks::series("loss", names, shares["losses"])});
  json plot = report_blocks::plot(
      "bar", fmt::format("{}: Llama4Rec wins, ties and loses against the other language model.", text_of(run, "title")),
      "", "% of the tasks", std::move(all));
  plot["stacked"] = true;
  return json::array({plot, table});
}

/// Improvement over the better of Base and IFT: a line for each run, a table for each list of metrics.
json improvements(const Document& document) {
  json blocks = json::array();
  for (const auto& [unused, runs] :
       grouped(document, [](const Document& run) { return text::join(metrics_of(run), " "); })) {
    const auto metrics = metrics_of(*runs.front());
    std::vector<std::string> columns{"run"};
    columns.insert(columns.end(), metrics.begin(), metrics.end());
    json table = report_blocks::table("Llama4Rec: improvement over the better of Base and IFT.", columns);
    for (const Document* run : runs) {
      json cells{run_title(*run)};
      for (const std::string& metric : metrics) {
        cells.push_back(percent_text(run->at("improvement").at(metric).get<double>()) +
                        significance_mark(*run, metric));
      }
      table["rows"].push_back(std::move(cells));
    }
    table["notes"] = {"* p ≤ 0.05 (t-test over users), † also after Holm over the metrics of a run."};
    blocks.push_back(std::move(table));
  }
  return blocks;
}

/// The metric by backbone: a plot for each data set and variant.
json bars_by_backbone(const Document& document) {
  json blocks = json::array();
  for (const auto& [heading, runs] :
       grouped(document, [](const Document& run) { return choosing_metric(run) + " on " + heading_of(run); })) {
    json all = json::array();
    for (const char* name : {"base", "ift", "llama4rec"}) {
      json x = json::array();
      json y = json::array();
      for (const Document* run : runs) {
        const Document* row = row_of(*run, name);
        if (row == nullptr) continue;
        x.push_back(text_of(*run, "title"));
        y.push_back(row->at("metrics").at(choosing_metric(*run)).get<double>());
      }
      const Document* first = row_of(*runs.front(), name);
      if (first != nullptr) all.push_back(report_blocks::series(first->at("title").get<std::string>(), x, y));
    }
    const auto metric = choosing_metric(*runs.front());
    blocks.push_back(
        report_blocks::plot("bar", heading + (metric == "RMSE" ? "; lower is better." : "."), "backbone", metric, all));
  }
  return blocks;
}

/// The metric by variant: a plot for each data set and backbone with a line for each row, and one of all backbones' Llama4Rec.
json lines_by_variant(const Document& document) {
  const auto along = [](const std::vector<const Document*>& runs, const std::string& row) {
    std::pair<json, json> points{json::array(), json::array()};
    for (const Document* run : runs) {
      const Document* there = row_of(*run, row);
      if (there == nullptr) continue;
      points.first.push_back(text_of(*run, "variant"));
      points.second.push_back(there->at("metrics").at(choosing_metric(*run)).get<double>());
    }
    return points;
  };
  const auto groups = grouped(document, [](const Document& run) {
    return fmt::format("{} on {}", text_of(run, "title"), text_of(run, "dataset"));
  });
  json blocks = json::array();
  std::map<std::string, json> methods;  // by data set and metric
  for (const auto& [name, runs] : groups) {
    const std::string metric = choosing_metric(*runs.front());
    json all = json::array();
    for (const Document& row : runs.front()->at("rows")) {
      if (row.at("name") == "oracle") continue;  // a ceiling far above all others
      const auto [x, y] = along(runs, text_of(row, "name"));
      all.push_back(report_blocks::series(text_of(row, "title"), x, y));
      if (row.at("name") != "llama4rec") continue;
      methods[fmt::format("{} on {}", metric, text_of(*runs.front(), "dataset"))].push_back(
          report_blocks::series(text_of(*runs.front(), "title"), x, y));
    }
    blocks.push_back(report_blocks::plot("line", fmt::format("{}: {}.", name, metric), "", metric, all));
  }
  for (const auto& [name, all] : methods) {
    if (all.size() < 2) continue;
    const std::string metric = name.substr(0, name.find(" on "));
    blocks.insert(blocks.begin(),
                  report_blocks::plot("line", fmt::format("Llama4Rec by backbone: {}.", name), "", metric, all));
  }
  return blocks;
}

json overview(const Document& document) {
  const auto view = document.at("view").get<std::string>();
  if (view == "cost") return cost_blocks(document);
  if (view == "quintiles") return quintiles_overview(document);
  json blocks = improvements(document);
  const auto& runs = document.at("runs");
  const bool varies = std::any_of(runs.begin(), runs.end(),
                                  [&](const Document& run) { return run.at("variant") != runs.front().at("variant"); });
  if (view == "duel") {
    for (const Document& run : runs) {
      if (run.contains("duels")) blocks.insert(blocks.begin(), duel_blocks(run).front());
    }
  } else {
    for (json& block : varies ? lines_by_variant(document) : bars_by_backbone(document)) blocks.push_back(block);
  }
  return blocks;
}

json run_blocks(const Document& run, const std::string& view) {
  json blocks = json::array();
  if (view == "quintiles") return quintiles_blocks(run);
  blocks.push_back(rows_table(run));
  json more = json::array();
  if (run.contains("grid")) more = grid_blocks(run);
  if (run.contains("duels")) more = duel_blocks(run);
  for (const json& block : more) blocks.push_back(block);
  return blocks;
}

}  // namespace

json method_report(const Document& document) {
  const auto& runs = document.at("runs");
  const auto planned = document.at("planned").get<std::size_t>();
  const auto view = document.at("view").get<std::string>();
  json page{{"title", document.at("description").get<std::string>()}};
  page["subtitle"] =
      runs.size() < planned
          ? fmt::format("{} of {} runs are done; the same command goes on.", runs.size(), planned)
          : fmt::format("{} run(s), {} seed(s) each.", runs.size(), runs.empty() ? 0 : runs.front().at("seeds").size());
  page["badges"] = json::array();
  if (std::any_of(runs.begin(), runs.end(), [](const Document& run) { return run.at("synthetic").get<bool>(); })) {
    page["badges"].push_back({{"text", "synthetic data"}, {"kind", "warning"}});
  }
  if (runs.size() < planned) page["badges"].push_back({{"text", "not finished"}, {"kind", "warning"}});
  page["badges"].push_back({{"text", document.at("scale").get<std::string>() + " scale"}, {"kind", "info"}});
  json& sections = page["sections"];
  sections.push_back({{"title", "Overview"}, {"blocks", overview(document)}});
  if (view != "cost") {
    for (const auto& [heading, of_heading] : grouped(document, heading_of)) {
      json blocks = json::array();
      for (const Document* run : of_heading) {
        for (const json& block : run_blocks(*run, view)) blocks.push_back(block);
      }
      sections.push_back({{"title", heading}, {"blocks", std::move(blocks)}});
    }
  }
  sections.push_back({{"title", "Runs and cost"}, {"blocks", json::array({seconds_table(document)})}});
  sections.push_back({{"title", "Reproduce"},
                      {"text", "The same command goes on where it was stopped and finds what is done already."},
                      {"blocks", json::array({report_blocks::command(document.at("command").get<std::string>())})}});
  return page;
}

}  // namespace llama4rec::pipeline
