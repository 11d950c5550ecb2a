#include "pipeline/method_experiments.h"

#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "core/progress_line.h"
#include "core/text.h"
#include "pipeline/duel.h"
#include "pipeline/experiment_files.h"
#include "pipeline/run.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kMainRows{"base", "ift", "llama4rec"};

/// Options of the paper's sizes (section IV-A5), for a checkpoint of LLaMA-2.
const std::vector<std::string> kPaperScale{
    "instructions.most=25000", "tuning.epochs=3",  "tuning.learning_rate=2e-5",
    "tuning.warmup_steps=50",  "llm.context=2048",
};

const std::vector<std::string> kBackbones{"mf",     "lightgcn", "mixgcf", "sgl", "sasrec",  "bert4rec", "cl4srec",
                                          "deepfm", "nfm",      "dcn",    "afm", "xdeepfm", "autoint"};

std::vector<MethodExperiment> make_experiments() {
  const std::vector<std::string> all{"ml-100k", "ml-1m", "book-crossing"};
  const std::vector<ExperimentVariant> one{{.label = "", .assignments = {}}};
  return {
      {.name = "table2",
       .description = "Table II: direct recommendation",
       .datasets = all,
       .models = {"mf", "lightgcn", "mixgcf", "sgl"},
       .variants = one,
       .rows = kMainRows},
      {.name = "table4",
       .description = "Table IV: sequential recommendation",
       .datasets = all,
       .models = {"sasrec", "bert4rec", "cl4srec"},
       .variants = one,
       .rows = kMainRows},
      {.name = "table5",
       .description = "Table V: rating prediction",
       .datasets = all,
       .models = {"deepfm", "nfm", "dcn", "afm", "xdeepfm", "autoint"},
       .variants = one,
       .rows = kMainRows},
      {.name = "table6",
       .description = "Table VI: without data augmentation, prompt augmentation, adaptive aggregation",
       .datasets = {"ml-1m", "book-crossing"},
       .models = {"lightgcn"},
       .variants = one,
       .rows = {"base", "ift", "prompt augmentation", "data augmentation", "uniform", "llama4rec"}},
      {.name = "figure4",
       .description = "Figure 4: the weights a1 and a2",
       .datasets = {"ml-1m"},
       .models = {"lightgcn"},
       .variants = one,
       .rows = kMainRows,
       .view = ExperimentView::kGrid},
      {.name = "figure5",
       .description = "Figure 5: sizes of the language model",
       .datasets = {"book-crossing"},
       .models = {"mf", "lightgcn", "sasrec"},
       .variants = {{"0.2 million", {"llm.hidden=64", "llm.intermediate=176", "llm.layers=2"}},
                    {"0.6 million", {}},
                    {"2 million", {"llm.hidden=160", "llm.intermediate=432", "llm.layers=4"}}},
       .rows = kMainRows},
      {.name = "figure6",
       .description = "Figure 6: the number of instructions",
       .datasets = {"ml-100k"},
       .models = {"mf", "lightgcn", "sasrec"},
       .variants = {{"500 instructions", {"instructions.most=500"}},
                    {"2,500 instructions", {"instructions.most=2500"}},
                    {"all instructions", {}}},
       .rows = kMainRows},
      {.name = "figure7",
       .description = "Figure 7: Llama4Rec against another language model on 100 listwise tasks",
       .datasets = {"book-crossing"},
       .models = {"cl4srec"},
       .variants = {{"ours", {}}, {"the other", {"llm.hidden=64", "llm.intermediate=176", "llm.layers=2"}}},
       .rows = kMainRows,
       .view = ExperimentView::kDuel},
      {.name = "candidates",
       .description = "Candidates k' beyond ten, in chunks of ten",
       .datasets = {"ml-100k"},
       .models = {"lightgcn", "sasrec"},
       .variants = {{"10 candidates", {}},
                    {"20 candidates", {"prompts.candidates=20"}},
                    {"50 candidates", {"prompts.candidates=50"}},
                    {"100 candidates", {"prompts.candidates=100"}}},
       .rows = {"base", "ift", "llama4rec", "reciprocal utilities", "probability utilities", "base + ift",
                "base + ift, probabilities", "fusion: item transitions", "oracle"}},
      {.name = "controls",
       .description = "Every row of every backbone, with the controls",
       .datasets = {"ml-100k"},
       .models = kBackbones,
       .variants = one,
       .rows = {}},
      {.name = "quintiles",
       .description = "Gain by long-tail quintile of the users",
       .datasets = {"ml-100k"},
       .models = kBackbones,
       .variants = one,
       .rows = kMainRows,
       .view = ExperimentView::kQuintiles},
      {.name = "cost",
       .description = "Seconds and tokens beside the gain",
       .datasets = {"ml-100k"},
       .models = kBackbones,
       .variants = one,
       .rows = kMainRows,
       .view = ExperimentView::kCost},
  };
}

/// One run's options.
config::Configuration run_configuration(const MethodExperiment& experiment, const MethodPlan& plan,
                                        const config::Configuration& configuration, const ExperimentVariant& variant,
                                        const std::string& dataset, const std::string& model) {
  config::Configuration result(configuration.shared_table());
  const auto set = [&](const std::string& assignment) { result.set(assignment); };
  set("run.profile=" + plan.scale);
  if (plan.scale == "paper") std::for_each(kPaperScale.begin(), kPaperScale.end(), set);
  std::for_each(variant.assignments.begin(), variant.assignments.end(), set);
  result.overlay(configuration);  // what the user set stands above
  const bool other = plan.other && &variant == &experiment.variants.back();
  if (experiment.view == ExperimentView::kDuel && other) result.overlay(*plan.other);
  set("data.name=" + dataset);
  set("run.backbone=" + model);
  set("run.directory=" + plan.directory.string());
  set("run.repeats=" + std::to_string(plan.repeats));
  if (const auto run = configuration.read<RunOptions>(); run.second_backbone == model)
    set("run.second_backbone=lightgcn");
  return result;
}

/// Says where what the user set leaves nothing of what tells two variants apart.
void warn_of_equal_variants(const MethodExperiment& experiment, const MethodPlan& plan,
                            const config::Configuration& configuration, const std::string& dataset,
                            const std::string& model) {
  std::map<std::string, std::string> labels;  // by the run's options
  for (const ExperimentVariant& variant : experiment.variants) {
    const auto options = run_configuration(experiment, plan, configuration, variant, dataset, model).canonical();
    const auto [first, added] = labels.emplace(options, variant.label);
    if (added) continue;
    log::warn("{}: \"{}\" is the same run as \"{}\": options that were set by hand stand above those of the variants",
              experiment.name, variant.label, first->second);
  }
}

/// The rows that an experiment shows, with their tests.
Json shown(const MethodExperiment& experiment, const Json& run, const std::string& variant) {
  Json result{{"dataset", run.at("data")},
              {"synthetic", run.at("synthetic")},
              {"variant", variant},
              {"task", run.at("task")},
              {"backbone", run.at("backbone")},
              {"users", run.at("users")},
              {"seeds", run.at("seeds")},
              {"seconds", run.at("seconds")},
              {"report", run.at("report")},
              {"metric", run.at("grid").at("metric")}};
  result["title"] = recommenders::info(run.at("backbone").get<std::string>()).title;
  const auto add = [&](const Json& row) {
    result["rows"].push_back({{"name", row.at("name")},
                              {"title", row.at("title")},
                              {"metrics", row.at("metrics")},
                              {"deviation", row.at("deviation")}});
  };
  for (const std::string& name : experiment.rows) {
    for (const Json& row : run.at("rows")) {
      if (row.at("name") == name) add(row);
    }
  }
  if (experiment.rows.empty()) {
    for (const Json& row : run.at("rows")) add(row);
  }
  result["improvement"] = run.at("improvement");
  result["tests"] = run.at("tests");
  result["cost"] = run.at("cost");
  if (experiment.view == ExperimentView::kGrid) result["grid"] = run.at("grid");
  if (experiment.view == ExperimentView::kQuintiles) result["quintiles"] = run.at("quintiles");
  return result;
}

/// Says how many runs are done and, from their mean, how long the others may take; runs that were done before take next to nothing.
void log_progress(const std::string& name, std::size_t done, std::size_t count,
                  std::chrono::steady_clock::time_point start) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double left = seconds / static_cast<double>(done) * static_cast<double>(count - done);
  log::info("{}: {} of {} runs done in {}{}", name, done, count, short_duration(seconds),
            done < count ? ", about " + short_duration(left) + " left" : "");
}

/// The second run of a pair brings the duel.
void add_duel(Json& document, const std::filesystem::path& per_user, std::uint64_t seed,
              std::vector<std::filesystem::path>& played) {
  constexpr std::int64_t kTasks = 100;  // the paper's
  played.push_back(per_user);
  if (played.size() < 2) return;
  Json& run = document["runs"].back();
  run["duels"] = Json::array();
  for (const Duel& duel : play_duels(read_per_user(played[0], seed, "llama4rec"), read_per_user(played[1], seed, "ift"),
                                     read_per_user(played[0], seed, "oracle"), kTasks, seed)) {
    run["duels"].push_back({{"metric", duel.metric},
                            {"tasks", duel.tasks()},
                            {"wins", duel.wins},
                            {"ties", duel.ties},
                            {"losses", duel.losses}});
  }
}

}  // namespace

std::string to_string(ExperimentView view) {
  switch (view) {
    case ExperimentView::kRows:
      return "rows";
    case ExperimentView::kGrid:
      return "grid";
    case ExperimentView::kDuel:
      return "duel";
    case ExperimentView::kQuintiles:
      return "quintiles";
    case ExperimentView::kCost:
      return "cost";
  }
  throw InternalError("unknown view of an experiment");
}

const std::vector<MethodExperiment>& method_experiments() {
  static const std::vector<MethodExperiment> experiments = make_experiments();
  return experiments;
}

const MethodExperiment& method_experiment(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& it : method_experiments()) {
    if (it.name == name) return it;
    names.push_back(it.name);
  }
  throw UsageError(fmt::format("unknown experiment \"{}\", expected one of {}", name, text::join(names, ", ")));
}

Json run_method_experiment(const MethodExperiment& experiment, const MethodPlan& plan,
                           const config::Configuration& configuration, torch::Device device,
                           const std::string& command_line) {
  const auto& datasets = plan.datasets.empty() ? experiment.datasets : plan.datasets;
  const auto& models = plan.models.empty() ? experiment.models : plan.models;
  for (const std::string& model : models) (void)recommenders::info(model);  // names what is wrong before hours of work
  if (plan.scale == "paper" && configuration.read<RunOptions>().llm_kind == "embedded") {
    throw UsageError("--scale paper is for a checkpoint or a remote model: set llm.kind");
  }
  const std::size_t count = datasets.size() * experiment.variants.size() * models.size();
  Json document{{"experiment", experiment.name},
                {"description", experiment.description},
                {"command", command_line},
                {"scale", plan.scale},
                {"view", to_string(experiment.view)},
                {"planned", count},
                {"report", experiment_page(plan.directory, experiment.name).string()},
                {"runs", Json::array()}};
  std::size_t number = 0;
  const auto start = std::chrono::steady_clock::now();
  std::map<std::string, std::vector<std::filesystem::path>> played;
  if (!datasets.empty() && !models.empty()) {
    warn_of_equal_variants(experiment, plan, configuration, datasets.front(), models.front());
  }
  for (const std::string& dataset : datasets) {
    for (const ExperimentVariant& variant : experiment.variants) {
      for (const std::string& model : models) {
        log::info("{}: {} on {}{} (run {} of {})", experiment.name, model, dataset,
                  variant.label.empty() ? "" : ", " + variant.label, ++number, count);
        const config::Configuration options =
            run_configuration(experiment, plan, configuration, variant, dataset, model);
        const RunSetup setup(options, obtain_data(options), device);
        const RunResult run = run_method(setup, plan.seed, command_line);
        document["runs"].push_back(shown(experiment, run.document, variant.label));
        if (experiment.view == ExperimentView::kDuel) {
          add_duel(document, run.folder / "per_user.tsv", plan.seed, played[fmt::format("{} {}", dataset, model)]);
        }
        // Written after each run, so that what is there can be read while the rest is made.
        write_experiment(
            plan.directory, experiment.name, document,
            {.markdown = method_markdown(document), .csv = method_csv(document), .report = method_report(document)});
        log_progress(experiment.name, number, count, start);
      }
    }
  }
  return document;
}

}  // namespace llama4rec::pipeline
