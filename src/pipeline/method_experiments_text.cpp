// The documents of the experiments on whole runs as Markdown and CSV.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pipeline/cost_experiment.h"
#include "pipeline/experiment_document.h"
#include "pipeline/markdown.h"
#include "pipeline/method_experiments.h"
#include "pipeline/quintiles_experiment.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) {
  const std::string text = fmt::format("{:.4f}", value);
  return text.starts_with("0.") ? text.substr(1) : text;
}

/// For Markdown, where a bare star would begin emphasis.
std::string mark(const Json& run, const std::string& metric) {
  const std::string plain = significance_mark(run, metric);
  return plain.empty() ? "" : "\\" + plain;
}

std::string table_of(const Json& run) {
  const std::vector<std::string> metrics = metrics_of(run);
  std::vector<std::string> head{run.at("title").get<std::string>()};
  head.insert(head.end(), metrics.begin(), metrics.end());
  std::string text = markdown_row(head) + markdown_rule(head.size());
  for (const Json& row : run.at("rows")) {
    std::vector<std::string> cells{row.at("title").get<std::string>()};
    for (const std::string& metric : metrics) {
      const double deviation = row.at("deviation").at(metric).get<double>();
      cells.push_back(number(row.at("metrics").at(metric).get<double>()) +
                      (deviation > 0 ? " ±" + number(deviation) : "") +
                      (row.at("name") == "llama4rec" ? mark(run, metric) : ""));
    }
    text += markdown_row(cells);
  }
  std::vector<std::string> improvement{"improvement over the better of Base and IFT"};
  std::vector<std::string> p_values{"p, t-test over users"};
  for (const std::string& metric : metrics) {
    improvement.push_back(fmt::format("{:+.2f}%", 100 * run.at("improvement").at(metric).get<double>()));
    p_values.push_back(fmt::format("{:.3f}", run.at("tests").at(metric).at("t_test_p").get<double>()));
  }
  return text + markdown_row(improvement) + markdown_row(p_values);
}

std::string grid_of(const Json& grid) {
  std::vector<std::string> columns{"a1 \\ a2"};
  std::string rows;
  std::vector<std::string> cells;
  bool first = true;
  for (const Json& cell : grid.at("cells")) {
    const auto a1 = fmt::format("{}", cell.at("a1").get<double>());
    const auto a2 = fmt::format("{}", cell.at("a2").get<double>());
    if (cells.empty() || cells.front() != a1) {
      if (!cells.empty()) {
        rows += markdown_row(cells);
        first = false;
      }
      cells = {a1};
    }
    if (first) columns.push_back(a2);
    cells.push_back(number(cell.at("value").get<double>()));
  }
  rows += markdown_row(cells);
  return fmt::format("\n{} on validation:\n\n", grid.at("metric").get<std::string>()) + markdown_row(columns) +
         markdown_rule(columns.size()) + rows;
}

std::string duels_of(const Json& duels) {
  std::string text =
      "\nLlama4Rec against this language model alone, on random users whose item is among the candidates (first "
      "seed):\n\n" +
      markdown_row({"metric", "tasks", "win", "tie", "loss"}) + markdown_rule(5);
  for (const Json& duel : duels) {
    const auto tasks = duel.at("tasks").get<double>();
    const auto share = [&](const char* name) {
      return fmt::format("{:.0f}%", 100 * duel.at(name).get<double>() / tasks);
    };
    text += markdown_row({duel.at("metric").get<std::string>(), fmt::format("{}", duel.at("tasks").get<std::int64_t>()),
                          share("wins"), share("ties"), share("losses")});
  }
  return text;
}

}  // namespace

std::string method_markdown(const Json& document) {
  std::string text = fmt::format(
      "# {}\n\n    {}\n\nScale: {}. Mean over the seeds, ± standard deviation. * p ≤ 0.05, † also after "
      "Holm over the metrics of a run.\n",
      document.at("description").get<std::string>(), document.at("command").get<std::string>(),
      document.at("scale").get<std::string>());
  if (document.at("view") == "cost") return text + cost_markdown(document);
  const bool quintiles = document.at("view") == "quintiles";
  std::string heading;
  for (const Json& run : document.at("runs")) {
    const std::string now = heading_of(run);
    if (now != heading) text += "\n## " + now + "\n";
    heading = now;
    text += fmt::format("\n{} test users, {} seed(s), {:.0f} s\n\n", run.at("users").get<std::int64_t>(),
                        run.at("seeds").size(), run.at("seconds").get<double>());
    text += quintiles ? quintiles_markdown(run) : table_of(run);
    if (run.contains("grid")) text += grid_of(run.at("grid"));
    if (run.contains("duels")) text += duels_of(run.at("duels"));
  }
  return text;
}

std::string method_csv(const Json& document) {
  if (document.at("view") == "cost") return cost_csv(document);
  if (document.at("view") == "quintiles") return quintiles_csv(document);
  std::string text = "experiment,dataset,variant,backbone,row,metric,mean,deviation,seeds\n";
  for (const Json& run : document.at("runs")) {
    for (const Json& row : run.at("rows")) {
      for (const auto& [metric, value] : row.at("metrics").items()) {
        text += fmt::format("{},{},\"{}\",{},\"{}\",{},{},{},{}\n", document.at("experiment").get<std::string>(),
                            run.at("dataset").get<std::string>(), run.at("variant").get<std::string>(),
                            run.at("backbone").get<std::string>(), row.at("name").get<std::string>(), metric,
                            value.get<double>(), row.at("deviation").at(metric).get<double>(), run.at("seeds").size());
      }
    }
  }
  return text;
}

}  // namespace llama4rec::pipeline
