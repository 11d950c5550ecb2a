#include "pipeline/cost_experiment.h"

#include <map>
#include <vector>

#include <fmt/format.h>

#include "core/text.h"
#include "pipeline/experiment_document.h"
#include "pipeline/markdown.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;
using report_blocks::percent_text;

std::vector<std::string> groups_of(const Json& document) {
  std::vector<std::string> groups;
  if (document.at("runs").empty()) return groups;
  for (const auto& [group, unused] : document.at("runs").front().at("cost").at("seconds").items()) {
    groups.push_back(group);
  }
  return groups;
}

std::vector<std::string> seconds_of(const Json& run, const std::vector<std::string>& groups) {
  std::vector<std::string> cells;
  for (const std::string& group : groups) {
    cells.push_back(fmt::format("{:.1f}", run.at("cost").at("seconds").at(group).get<double>()));
  }
  cells.push_back(fmt::format("{:.1f}", run.at("cost").at("method_seconds").get<double>()));
  return cells;
}

std::string count(const Json& value) { return value.is_null() ? "–" : text::with_thousands(value.get<long long>()); }

/// Of a CSV; empty where it is not known.
std::string plain(const Json& value) { return value.is_null() ? "" : fmt::format("{}", value.get<std::int64_t>()); }

/// What the method's own stages asked.
std::vector<std::string> asked_of(const Json& run) {
  const Json& asked = run.at("cost").at("method");
  return {count(run.at("cost").at("trained_tokens")), count(asked.at("prompts")), count(asked.at("tokens_read")),
          count(asked.at("tokens_written")), count(asked.at("from_journal"))};
}

const std::vector<std::string> kAskedColumns{"tokens trained on", "prompts", "tokens read", "tokens written",
                                             "from the journal"};

std::vector<std::string> gains_of(const Json& run) {
  const std::string metric = choosing_metric(run);
  return {metric, percent_text(gain_over_base(run, metric)),
          percent_text(run.at("improvement").at(metric).get<double>()) + significance_mark(run, metric)};
}

void append(std::vector<std::string>& cells, const std::vector<std::string>& more) {
  cells.insert(cells.end(), more.begin(), more.end());
}

const char* const kSecondsNote =
    "Seconds of all seeds together, each stage as long as it took when it was done, also where another run did it and "
    "this one found it. \"Instructions\": recommenders whose words instructions carry; \"all but controls\": what the "
    "method needs.";

}  // namespace

std::string cost_markdown(const Json& document) {
  const auto groups = groups_of(document);
  std::vector<std::string> head{"run", "metric", "gain over Base", "gain over the better of Base and IFT"};
  for (const std::string& group : groups) head.push_back(group + ", s");
  head.emplace_back("all but controls, s");
  append(head, kAskedColumns);
  std::string text = "\n" + markdown_row(head) + markdown_rule(head.size());
  for (const Json& run : document.at("runs")) {
    std::vector<std::string> cells{run_title(run)};
    for (std::string cell : gains_of(run)) {
      if (const auto star = cell.find('*');
          star != std::string::npos && (cell.ends_with("*") || cell.ends_with("*†"))) {
        cell = fmt::format("{}\\{}", cell.substr(0, star), cell.substr(star));
      }
      cells.push_back(std::move(cell));
    }
    append(cells, seconds_of(run, groups));
    append(cells, asked_of(run));
    text += markdown_row(cells);
  }
  return text + "\n" + kSecondsNote + "\n";
}

std::string cost_csv(const Json& document) {
  const auto groups = groups_of(document);
  std::string text =
      "experiment,dataset,variant,backbone,seeds,metric,gain_over_base,gain_over_better,p,trained_tokens,prompts,"
      "tokens_read,tokens_written,from_journal,controls_prompts,seconds_method";
  for (const std::string& group : groups) text += ",\"seconds_" + group + "\"";
  text += "\n";
  for (const Json& run : document.at("runs")) {
    const std::string metric = choosing_metric(run);
    const Json& cost = run.at("cost");
    const Json& asked = cost.at("method");
    text += fmt::format(
        "{},{},\"{}\",{},{},{},{},{},{},{},{},{},{},{},{},{}", document.at("experiment").get<std::string>(),
        run.at("dataset").get<std::string>(), run.at("variant").get<std::string>(),
        run.at("backbone").get<std::string>(), run.at("seeds").size(), metric, gain_over_base(run, metric),
        run.at("improvement").at(metric).get<double>(), run.at("tests").at(metric).at("t_test_p").get<double>(),
        plain(cost.at("trained_tokens")), plain(asked.at("prompts")), plain(asked.at("tokens_read")),
        plain(asked.at("tokens_written")), plain(asked.at("from_journal")), plain(cost.at("controls").at("prompts")),
        cost.at("method_seconds").get<double>());
    for (const std::string& group : groups) text += fmt::format(",{}", cost.at("seconds").at(group).get<double>());
    text += "\n";
  }
  return text;
}

nlohmann::json seconds_table(const Json& document) {
  const auto groups = groups_of(document);
  std::vector<std::string> columns{"run", "report", "users", "seeds"};
  append(columns, groups);
  columns.emplace_back("all but controls");
  auto table = report_blocks::table("Seconds by what they were spent on, and the runs' own reports.", columns);
  table["columns"][1] = report_blocks::column("report", false);
  for (const Json& run : document.at("runs")) {
    nlohmann::json cells{run_title(run)};
    cells.push_back(
        report_blocks::link("open", run.at("report").get<std::string>(), document.at("report").get<std::string>()));
    cells.push_back(count(run.at("users")));
    cells.push_back(run.at("seeds").size());
    for (const std::string& cell : seconds_of(run, groups)) cells.push_back(cell);
    table["rows"].push_back(std::move(cells));
  }
  table["notes"] = {kSecondsNote};
  return table;
}

nlohmann::json cost_blocks(const Json& document) {
  std::vector<std::string> columns{"run", "metric", "gain over Base", "gain over the better", "seconds"};
  append(columns, kAskedColumns);
  auto table = report_blocks::table("Gain and cost of each run, all seeds together, without the controls.", columns);
  table["columns"][1] = report_blocks::column("metric", false);
  table["notes"] = {
      "Gains in the metric that choices on validation looked at. \"The better\": of Base and IFT; * p ≤ 0.05 (t-test "
      "over users), † also after Holm within the run. Tokens count whether the model gave the answer or the journal "
      "did."};
  std::map<std::string, nlohmann::json> seconds;  // by group
  auto names = nlohmann::json::array();
  auto gains = nlohmann::json::array();
  for (const Json& run : document.at("runs")) {
    const std::string metric = choosing_metric(run);
    const auto all = run.at("cost").at("method_seconds").get<double>();
    nlohmann::json cells{run_title(run)};
    for (const std::string& cell : gains_of(run)) cells.push_back(cell);
    cells.push_back(fmt::format("{:.1f}", all));
    for (const std::string& cell : asked_of(run)) cells.push_back(cell);
    table["rows"].push_back(std::move(cells));
    names.push_back(short_title(document, run));
    for (const auto& [group, value] : run.at("cost").at("seconds").items()) {
      if (group != "controls") seconds[group].push_back(value.get<double>());
    }
    gains.push_back(report_blocks::series(short_title(document, run), nlohmann::json::array({all}),
                                          nlohmann::json::array({100 * gain_over_base(run, metric)})));
  }
  auto bars = nlohmann::json::array();
  for (const std::string& group : groups_of(document)) {
    if (group != "controls") bars.push_back(report_blocks::series(group, names, seconds[group]));
  }
  auto stacked = report_blocks::plot("bar", "Seconds of each run by what they were spent on.", "", "seconds", bars);
  stacked["stacked"] = true;
  return nlohmann::json::array(
      {table, report_blocks::plot("scatter", "Gain over Base by seconds.", "seconds", "gain over Base, %", gains),
       stacked});
}

}  // namespace llama4rec::pipeline
