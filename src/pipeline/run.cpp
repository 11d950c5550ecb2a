#include "pipeline/run.h"

#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/cpus.h"
#include "core/digest.h"
#include "core/folder_lock.h"
#include "core/folders.h"
#include "core/log.h"
#include "core/text.h"
#include "pipeline/language_model_note.h"
#include "pipeline/run_cost.h"
#include "pipeline/run_quintiles.h"
#include "pipeline/run_report.h"
#include "pipeline/task_run.h"
#include "report/report.h"
#include "tensor/runtime.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

Json manifest(const RunSetup& setup, std::uint64_t seed, const std::string& command_line) {
  const Dataset& dataset = setup.dataset();
  Json result;
  result["program"] = fmt::format("llama4rec {}", LLAMA4REC_VERSION);
  result["command"] = command_line;
  result["started"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  result["profile"] = setup.run.profile;
  result["data"] = {{"name", dataset.name},
                    {"synthetic", dataset.synthetic},
                    {"sha256", dataset.source_hash},
                    {"users", dataset.users()},
                    {"items", dataset.items()},
                    {"interactions", dataset.size()},
                    {"positive_threshold", setup.loaded.positive_threshold}};
  for (const DatasetNotice& notice : dataset.notices) result["data"]["notices"][notice.what] = notice.count;
  result["language_model"] = language_model_facts(setup, {});
  result["protocol"] = setup.evaluation.protocol;
  result["evaluated_users"] = setup.evaluation.users;
  for (std::int64_t repeat = 0; repeat < setup.run.repeats; ++repeat) {
    result["seeds"].push_back(seed + static_cast<std::uint64_t>(repeat));
  }
  result["machine"] = {{"cpu", cpu_name()},
                       {"cpus", available_cpus()},
                       {"memory_bytes", physical_memory()},
                       {"device", setup.device.str()},
                       {"libraries", tensor::runtime_description()}};
  result["configuration"] = setup.configuration.to_yaml();
  return result;
}

/// One line per seed, row and user: what every table can be made from again.
std::string per_user_values(const RunSetup& setup, const TableMetrics& metrics, const std::vector<SeedRows>& seeds,
                            std::uint64_t first_seed) {
  std::string text = "seed\trow\tuser\t" + text::join(metrics.per_user, "\t") + "\n";
  for (std::size_t s = 0; s < seeds.size(); ++s) {
    for (const SeedRow& row : seeds[s].rows) {
      for (std::size_t n = 0; n < seeds[s].users.size(); ++n) {
        text += fmt::format("{}\t{}\t{}", first_seed + s, row.name,
                            setup.dataset().user_ids[static_cast<std::size_t>(seeds[s].users[n])]);
        for (const std::string& metric : metrics.per_user) text += fmt::format("\t{:.6g}", row.test.at(metric)[n]);
        text += "\n";
      }
    }
  }
  return text;
}

Json stage_seconds(const std::vector<SeedRecord>& records) {
  Json result = Json::object();
  for (const SeedRecord& record : records) {
    Json& seed = result[std::to_string(record.seed)] = Json::object();
    for (const auto& timing : record.timings) seed[timing.label()] = timing.seconds;
  }
  return result;
}

/// N(u): each user's interactions in the task's own training part.
std::vector<std::int64_t> training_counts(const RunSetup& setup, const std::vector<UserIndex>& users) {
  std::vector<std::int64_t> counts;
  for (const UserIndex user : users) counts.push_back(static_cast<std::int64_t>(setup.split().train(user).size()));
  return counts;
}

/// The choosing metric on validation by a1 and a2.
Json grid(const aggregation::WeightChoice& choice) {
  Json result{{"metric", choice.metric}, {"cells", Json::array()}};
  for (const auto& cell : choice.cells) {
    result["cells"].push_back({{"a1", cell.a1}, {"a2", cell.a2}, {"value", cell.value}});
  }
  return result;
}

/// What a top-k run's table could not hold.
void check_top_k(const RunSetup& setup) {
  if (!setup.evaluation.textbook()) {
    throw UsageError("run: evaluation.protocol must be textbook; the selfrec protocol is for `train` and `evaluate`");
  }
  const auto cutoffs = evaluation::integer_cutoffs(setup.evaluation);
  if (cutoffs.back() > setup.prompts.candidates) {
    throw UsageError(fmt::format(
        "run: the cutoff {} of evaluation.cutoffs is larger than prompts.candidates = {}, so a row's list would end "
        "before it",
        cutoffs.back(), setup.prompts.candidates));
  }
  const std::string metric = setup.configuration.read<aggregation::AggregationOptions>().metric;
  if (std::none_of(cutoffs.begin(), cutoffs.end(),
                   [&](std::int64_t k) { return metric.ends_with(fmt::format("@{}", k)); })) {
    throw UsageError(
        fmt::format("run: aggregation.metric is {}, but its cutoff is not among evaluation.cutoffs", metric));
  }
}

/// What cannot be done in several rounds.
void check_rounds(const RunSetup& setup) {
  if (setup.run.rounds == 1) return;
  if (setup.task == data::Task::kRating) {
    throw UsageError(fmt::format(
        "run: run.rounds is {}, but what the language model says of items and users does not depend on a rating "
        "predictor such as {}; expected 1, or a direct or sequential backbone",
        setup.run.rounds, setup.run.backbone));
  }
  if (setup.tunes && setup.instructions.direct_backbone.empty() && setup.instructions.sequential_backbone.empty()) {
    throw UsageError(
        fmt::format("run: run.rounds is {}, but no instruction comes from a backbone that could be refit; expected "
                    "instructions.direct_backbone or instructions.sequential_backbone",
                    setup.run.rounds));
  }
}

}  // namespace

RunResult run_method(const RunSetup& setup, std::uint64_t seed, const std::string& command_line) {
  check_rounds(setup);
  if (setup.task != data::Task::kRating) check_top_k(setup);
  const std::filesystem::path root = setup.run.directory;
  const FolderLock lock(root);
  StageStore store(root / "stages");
  const Json description = manifest(setup, seed, command_line);
  const std::string id =
      fmt::format("{}-{}-{}", std::filesystem::path(setup.dataset().name).filename().string(), setup.run.backbone,
                  sha256(setup.configuration.canonical() + setup.dataset().source_hash + std::to_string(seed) +
                         (setup.checkpoint ? setup.checkpoint->fingerprint : ""))
                      .substr(0, 8));
  RunResult result{.folder = root / id, .report = root / id / "report.html"};
  make_folder(result.folder);
  remove_temporary_files(result.folder);
  write_file_atomically(result.folder / "manifest.json", description.dump(2) + "\n");

  const TaskRun task = run_task(setup, store, seed);
  result.table = make_table(task.rows.seeds, task.metrics, seed);
  double seconds = 0;
  for (const SeedRecord& record : task.records) seconds += record.seconds;

  Json& document = result.document;
  document["run"] = id;
  document["data"] = setup.dataset().name;
  document["synthetic"] = setup.dataset().synthetic;
  document["profile"] = setup.run.profile;
  document["task"] = to_string(setup.task);
  document["backbone"] = setup.run.backbone;
  document["language_model"] = language_model_facts(setup, task.records.front().summaries);
  document["protocol"] = setup.evaluation.protocol;
  document["seeds"] = description["seeds"];
  document.update(to_json(result.table));
  document["grid"] = grid(task.rows.choice);
  document["quintiles"] = quintiles_of(result.table, training_counts(setup, result.table.users), seed);
  document["seconds"] = seconds;
  document["cost"] = cost_of(setup, task.records);
  document["stage_seconds"] = stage_seconds(task.records);
  document["folder"] = result.folder.string();
  document["report"] = result.report.string();
  write_file_atomically(result.folder / "results.json", document.dump(2) + "\n");
  write_file_atomically(result.folder / "per_user.tsv", per_user_values(setup, task.metrics, task.rows.seeds, seed));
  write_file_atomically(result.report, report::render(report_document({.setup = &setup,
                                                                       .table = &result.table,
                                                                       .records = task.records,
                                                                       .rows = &task.rows,
                                                                       .examples = task.examples,
                                                                       .training_blocks = task.training_blocks,
                                                                       .manifest = description})));
  return result;
}

}  // namespace llama4rec::pipeline
