#include "pipeline/baselines.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/folder_lock.h"
#include "core/text.h"
#include "evaluation/evaluation_options.h"
#include "pipeline/experiment_cells.h"
#include "pipeline/experiment_files.h"
#include "pipeline/fit_and_evaluate.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::ordered_json;
using recommenders::RecommenderInfo;

/// What the cells of one row share.
struct Row {
  RecommenderInfo info;
  EvaluationSetting setting;
  std::string profile_file;  ///< empty: the program's defaults
  config::Configuration configuration;
};

std::filesystem::path profile_file(const BaselinePlan& plan, const std::string& dataset, const std::string& model) {
  if (plan.profile == "defaults") return {};
  const std::string suffix = plan.profile == "reference" ? "-reference" : "";
  const auto file = plan.profiles / dataset / (model + suffix + ".yaml");
  return std::filesystem::exists(file) ? file : std::filesystem::path{};
}

/// The profile, then the setting, then what was set by hand.
Row make_row(const BaselinePlan& plan, const config::Configuration& configuration,
             const std::vector<std::string>& assignments, const std::string& dataset, const RecommenderInfo& info,
             const EvaluationSetting& setting) {
  Row row{.info = info, .setting = setting, .profile_file = {}, .configuration = configuration};
  const auto file = profile_file(plan, dataset, info.name);
  if (!file.empty()) {
    row.profile_file = file.string();
    row.configuration.load_yaml(file);
    for (const auto& assignment : assignments) row.configuration.set(assignment);
  }
  row.configuration.set("evaluation.protocol", setting.protocol, "experiment");
  row.configuration.set("evaluation.users", setting.users, "experiment");
  return row;
}

ExperimentCell make_cell(const Row& row, const data::LoadedData& loaded, std::uint64_t seed) {
  ExperimentCell cell{
      .name = fmt::format("{}-{}-{}-{}-seed{}", loaded.dataset.name, row.info.name, row.setting.protocol,
                          row.setting.users, seed),
      .dependencies = {"data=" + loaded.dataset.source_hash, "model=" + row.info.name, fmt::format("seed={}", seed),
                       row.configuration.canonical(recommenders::option_prefixes(row.info.name)),
                       row.configuration.canonical({"evaluation.", "data.", "device"},
                                                   {"data.directory", "data.name", "data.fetch"})},
      .work = {}};
  cell.work = [row, &loaded, seed, key = text::join(cell.dependencies, "\n")](StageFolder& folder) {
    folder.summary = fit_and_evaluate(loaded, row.info, row.configuration, seed, folder.path, key);
    write_file_atomically(folder.path / "result.json", folder.summary.dump(2) + "\n");
  };
  return cell;
}

/// Mean and standard deviation (n - 1) of every metric over the results.
ordered_json spread(const std::vector<StageResult>& results, const char* part) {
  auto document = ordered_json::object();
  const auto count = static_cast<double>(results.size());
  for (const auto& [metric, first] : results.front().summary.at(part).items()) {
    double mean = 0;
    for (const auto& result : results) mean += result.summary.at(part).at(metric).get<double>() / count;
    double squares = 0;
    for (const auto& result : results) {
      squares += std::pow(result.summary.at(part).at(metric).get<double>() - mean, 2);
    }
    document[metric] = {{"mean", mean}, {"deviation", results.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0}};
  }
  return document;
}

ordered_json describe(const Row& row, const std::vector<StageResult>& results) {
  ordered_json runs = ordered_json::array();
  double epochs = 0;
  double seconds = 0;
  for (const auto& result : results) {
    runs.push_back(result.summary);
    epochs += result.summary.at("epochs").get<double>();
    seconds += result.summary.at("seconds").at("train").get<double>();
  }
  return {{"model", row.info.name},
          {"title", row.info.title},
          {"profile", row.profile_file},
          {"validation", spread(results, "validation")},
          {"test", spread(results, "test")},
          {"seconds_per_epoch", epochs > 0 ? seconds / epochs : 0.0},
          {"runs", runs}};
}

/// One table: the models of a task under one setting.
ordered_json make_table(const BaselinePlan& plan, const config::Configuration& configuration,
                        const std::vector<std::string>& assignments, const data::LoadedData& loaded, data::Task task,
                        const EvaluationSetting& setting, StageStore& store) {
  std::vector<Row> rows;
  for (const RecommenderInfo& info : recommenders::all()) {
    const bool wanted =
        plan.models.empty() || std::find(plan.models.begin(), plan.models.end(), info.name) != plan.models.end();
    if (!wanted || task_of(info.kind) != task) continue;
    rows.push_back(make_row(plan, configuration, assignments, loaded.dataset.name, info, setting));
  }
  std::vector<ExperimentCell> cells;
  for (const Row& row : rows) {
    for (std::int64_t repeat = 0; repeat < plan.repeats; ++repeat) {
      cells.push_back(make_cell(row, loaded, plan.seed + static_cast<std::uint64_t>(repeat)));
    }
  }
  const auto results = run_cells(store, cells);
  ordered_json table = {{"dataset", loaded.dataset.name}, {"synthetic", loaded.dataset.synthetic},
                        {"task", data::to_string(task)},  {"protocol", setting.protocol},
                        {"users", setting.users},         {"rows", ordered_json::array()}};
  const auto repeats = static_cast<std::size_t>(plan.repeats);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    const auto begin = results.begin() + static_cast<std::ptrdiff_t>(n * repeats);
    const std::vector<StageResult> of_row(begin, begin + static_cast<std::ptrdiff_t>(repeats));
    table["test_users"] = of_row.front().summary.at("users");
    table["rows"].push_back(describe(rows[n], of_row));
  }
  return table;
}

}  // namespace

void check(const BaselinePlan& plan) {
  for (const auto& model : plan.models) (void)recommenders::info(model);
  if (plan.datasets.empty()) throw UsageError("experiment baselines: no data set is named");
  if (plan.repeats < 1) throw UsageError("experiment baselines: expected 1 repeat or more");
  for (const auto& [protocol, users] : plan.settings) {
    if (protocol != "textbook" && protocol != "selfrec") {
      throw UsageError(fmt::format("unknown protocol \"{}\", expected textbook or selfrec", protocol));
    }
    if (users != "all" && users != "warm") {
      throw UsageError(fmt::format("unknown users \"{}\", expected all or warm", users));
    }
  }
}

ordered_json run_baselines(const BaselinePlan& plan, const config::Configuration& configuration,
                           const std::vector<std::string>& assignments, const std::string& command_line) {
  check(plan);
  StageStore store(plan.directory / "cells");
  const FolderLock lock(plan.directory);
  ordered_json document = {{"experiment", "baselines"},
                           {"command", command_line},
                           {"profile", plan.profile},
                           {"repeats", plan.repeats},
                           {"seed", plan.seed},
                           {"report", experiment_page(plan.directory, "baselines").string()},
                           {"tables", ordered_json::array()}};
  const auto write = [&] {
    write_experiment(plan.directory, "baselines", document,
                     {.markdown = baselines_markdown(document),
                      .csv = baselines_csv(document),
                      .report = baselines_report(document)});
  };
  for (const auto& name : plan.datasets) {
    const auto loaded = data::load(name, configuration.read<data::DataOptions>());
    for (const auto task : {data::Task::kDirect, data::Task::kSequential, data::Task::kRating}) {
      std::set<std::string> seen;  // the protocol decides nothing for ratings: one table for each choice of users
      for (const EvaluationSetting& setting : plan.settings) {
        if (task == data::Task::kRating && !seen.insert(setting.users).second) continue;
        auto table = make_table(plan, configuration, assignments, loaded, task, setting, store);
        if (table["rows"].empty()) continue;
        document["tables"].push_back(std::move(table));
        write();
      }
    }
  }
  return document;
}

}  // namespace llama4rec::pipeline
