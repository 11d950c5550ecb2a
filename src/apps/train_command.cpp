#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/commands.h"
#include "apps/processes.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/load.h"
#include "evaluation/rankings_file.h"
#include "pipeline/fit.h"
#include "pipeline/rating_evaluation.h"
#include "pipeline/top_k_evaluation.h"
#include "recommenders/registry.h"

namespace llama4rec::apps {
namespace {

using data::Part;
using nlohmann::ordered_json;

struct TrainFlags {
  std::string dataset;
  std::string model;
  std::string config;
  std::string dump_rankings;
  std::string dump_predictions;
  std::string save;
  std::string checkpoint;
  std::string from;
  std::int64_t repeats = 1;
};

/// One seed's fit and figures.
struct TrainResult {
  std::uint64_t seed = 0;
  FitSummary fit;
  double evaluation_seconds = 0;
  std::size_t test_users = 0;
  std::map<std::string, double> validation;
  std::map<std::string, double> test;
};

data::Task task_of(recommenders::RecommenderKind kind) {
  switch (kind) {
    case recommenders::RecommenderKind::kDirect:
      return data::Task::kDirect;
    case recommenders::RecommenderKind::kSequential:
      return data::Task::kSequential;
    case recommenders::RecommenderKind::kRating:
      break;
  }
  return data::Task::kRating;
}

/// What all repeats of one command share.
struct TrainJob {
  const TrainFlags& flags;
  const config::Configuration& configuration;
  const config::Configuration& own_configuration;  ///< with the device of this process
  const tensor::World& world;
  const data::LoadedData& loaded;
  recommenders::RecommenderInfo info;
  data::Split split;
  evaluation::EvaluationOptions options;
  std::vector<std::int64_t> cutoffs;
};

/// Adds to `hooks` what the flags say of checkpoints and of the model to continue, which is loaded.
template <class Model>
FitHooks with_start(const TrainJob& job, std::uint64_t seed, Model& model, FitHooks hooks) {
  std::string origin;
  if (!job.flags.from.empty()) {
    model.load(job.flags.from);
    hooks.start = FitStart::kContinued;
    origin = file_digest(job.flags.from, DigestKind::kSha256);
  }
  hooks.checkpoint.file = job.flags.checkpoint;
  hooks.checkpoint.key =
      fmt::format("{}\n{}\nseed={}\nfrom={}\n{}", job.info.name, job.loaded.dataset.source_hash, seed, origin,
                  job.configuration.canonical({}, {"threads", "seed", "data.directory"}));
  return hooks;
}

TrainResult train_top_k(const TrainJob& job, std::uint64_t seed) {
  const Dataset& dataset = job.loaded.dataset;
  const auto model = recommenders::create_top_k(job.info.name, job.own_configuration, seed, &job.world);
  const auto hooks = with_start(job, seed, *model, pipeline::validation_hooks(*model, dataset, job.split, job.options));
  const auto data = pipeline::training_data(dataset, job.split, job.info.title);
  TrainResult result{.seed = seed};
  result.fit = pipeline::fit_with_progress(*model, data, hooks, job.configuration, "training " + job.info.title);
  if (!job.world.leads()) return result;
  const auto on = [&](Part part) { return pipeline::top_k_part(dataset, job.split, part, job.info.kind, job.options); };
  result.validation = pipeline::evaluate_top_k(*model, on(Part::kValidation), job.cutoffs).metrics;
  const auto part = on(Part::kTest);
  const auto test = pipeline::evaluate_top_k(*model, part, job.cutoffs);
  result.test = test.metrics;
  result.test_users = part.users.size();
  result.evaluation_seconds = test.seconds;
  if (!job.flags.save.empty()) model->save(job.flags.save);
  if (!job.flags.dump_rankings.empty()) {
    evaluation::write_rankings(job.flags.dump_rankings, dataset, part.users, test.lists);
  }
  return result;
}

TrainResult train_rating(const TrainJob& job, std::uint64_t seed) {
  const Dataset& dataset = job.loaded.dataset;
  const auto model = recommenders::create_rating(job.info.name, job.configuration, seed);
  const auto hooks = with_start(job, seed, *model, pipeline::validation_hooks(*model, dataset, job.split, job.options));
  const auto data = pipeline::rating_training_data(dataset, job.split, job.info.title);
  TrainResult result{.seed = seed};
  result.fit = pipeline::fit_with_progress(*model, data, hooks, "training " + job.info.title);
  const auto on = [&](Part part) { return pipeline::rating_part(dataset, job.split, part, job.options); };
  result.validation = pipeline::evaluate_rating(*model, on(Part::kValidation)).metrics;
  const auto part = on(Part::kTest);
  const auto test = pipeline::evaluate_rating(*model, part);
  result.test = test.metrics;
  result.test_users = part.users.size();
  result.evaluation_seconds = test.seconds;
  if (!job.flags.save.empty()) model->save(job.flags.save);
  if (!job.flags.dump_predictions.empty()) {
    evaluation::write_predictions(job.flags.dump_predictions, dataset, part.users, part.items, test.predictions,
                                  part.ratings);
  }
  return result;
}

/// The metrics that are shown, in their order.
std::vector<std::string> metric_names(const TrainJob& job) {
  if (job.info.kind == recommenders::RecommenderKind::kRating) return {"RMSE", "MAE"};
  std::vector<std::string> names;
  for (const std::int64_t cutoff : job.cutoffs) {
    names.push_back(fmt::format("H@{}", cutoff));
    names.push_back(fmt::format("N@{}", cutoff));
  }
  return names;
}

ordered_json selected(const TrainJob& job, const std::map<std::string, double>& metrics) {
  auto document = ordered_json::object();
  for (const auto& name : metric_names(job)) document[name] = metrics.at(name);
  return document;
}

ordered_json describe(const TrainJob& job, const TrainResult& result) {
  const double epochs = static_cast<double>(std::max<std::int64_t>(result.fit.epochs, 1));
  return {{"model", job.info.name},
          {"task", data::to_string(job.split.task())},
          {"dataset", job.loaded.dataset.name},
          {"synthetic", job.loaded.dataset.synthetic},
          {"protocol", job.options.protocol},
          {"population", job.options.users},
          {"test_users", result.test_users},
          {"seed", result.seed},
          {"processes", job.world.size()},
          {"epochs", result.fit.epochs},
          {"best_epoch", result.fit.best_epoch},
          {"seconds",
           {{"train", result.fit.train_seconds},
            {"train_per_epoch", result.fit.train_seconds / epochs},
            {"evaluate", result.evaluation_seconds}}},
          {"validation", selected(job, result.validation)},
          {"test", selected(job, result.test)}};
}

/// Mean and standard deviation (n - 1) over the repeats.
ordered_json spread(const TrainJob& job, const std::vector<TrainResult>& results,
                    std::map<std::string, double> TrainResult::*part) {
  auto document = ordered_json::object();
  const auto count = static_cast<double>(results.size());
  for (const auto& name : metric_names(job)) {
    double mean = 0;
    for (const auto& result : results) mean += (result.*part).at(name) / count;
    double squares = 0;
    for (const auto& result : results) squares += std::pow((result.*part).at(name) - mean, 2);
    document[name] = {{"mean", mean}, {"deviation", results.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0}};
  }
  return document;
}

ordered_json describe_all(const TrainJob& job, const std::vector<TrainResult>& results) {
  auto document = describe(job, results.front());
  for (const char* key : {"seed", "epochs", "best_epoch", "seconds", "validation", "test"}) document.erase(key);
  document["repeats"] = results.size();
  document["validation"] = spread(job, results, &TrainResult::validation);
  document["test"] = spread(job, results, &TrainResult::test);
  document["runs"] = ordered_json::array();
  for (const auto& result : results) document["runs"].push_back(describe(job, result));
  return document;
}

void print_row(const std::string& label, const ordered_json& metrics, bool spreads) {
  std::cout << fmt::format("{:<12}", label);
  for (const auto& [name, value] : metrics.items()) {
    if (spreads) {
      std::cout << fmt::format(
          "{:>16}", fmt::format("{:.4f} ±{:.4f}", value.at("mean").get<double>(), value.at("deviation").get<double>()));
    } else {
      std::cout << fmt::format("{:>16.4f}", value.get<double>());
    }
  }
  std::cout << '\n';
}

void print_table(const TrainJob& job, const std::vector<TrainResult>& results) {
  const bool spreads = results.size() > 1;
  std::cout << fmt::format("{} on {}{}, {} recommendation, {} protocol, {} users: {}\n", job.info.title,
                           job.loaded.dataset.name, job.loaded.dataset.synthetic ? " (synthetic)" : "",
                           data::to_string(job.split.task()), job.options.protocol, job.options.users,
                           results.front().test_users);
  const auto processes = job.world.size() > 1 ? fmt::format(" by {} processes", job.world.size()) : std::string();
  for (const auto& result : results) {
    std::cout << fmt::format("seed {}: {} epochs, best {}, {:.2f} s training{}, {:.4f} s per epoch\n", result.seed,
                             result.fit.epochs, result.fit.best_epoch, result.fit.train_seconds, processes,
                             result.fit.train_seconds / static_cast<double>(result.fit.epochs));
  }
  std::cout << fmt::format("\n{:<12}", "");
  for (const auto& name : metric_names(job)) std::cout << fmt::format("{:>16}", name);
  std::cout << '\n';
  const auto row = [&](const char* label, std::map<std::string, double> TrainResult::*part) {
    print_row(label, spreads ? spread(job, results, part) : selected(job, results.front().*part), spreads);
  };
  row("validation", &TrainResult::validation);
  row("test", &TrainResult::test);
}

/// Before hours of training, not after them.
void check_writable(const std::string& flag, const std::string& file) {
  if (file.empty()) return;
  const auto folder = std::filesystem::absolute(file).parent_path();
  if (std::filesystem::is_directory(file))
    throw UsageError(fmt::format("{}: {} is a folder, expected a file", flag, file));
  if (!std::filesystem::is_directory(folder)) {
    throw UsageError(fmt::format("{}: there is no folder {} to write {} into", flag, folder.string(), file));
  }
  if (access(folder.c_str(), W_OK) != 0) {
    throw UsageError(fmt::format("{}: the folder {} cannot be written", flag, folder.string()));
  }
}

void check(const TrainFlags& flags, const recommenders::RecommenderInfo& info) {
  const bool rating = info.kind == recommenders::RecommenderKind::kRating;
  if (rating && !flags.dump_rankings.empty()) {
    throw UsageError(fmt::format("--dump-rankings: {} predicts ratings; use --dump-predictions", info.name));
  }
  if (!rating && !flags.dump_predictions.empty()) {
    throw UsageError(fmt::format("--dump-predictions: {} ranks items; use --dump-rankings", info.name));
  }
  const bool writes = !flags.save.empty() || !flags.checkpoint.empty() || !flags.dump_rankings.empty() ||
                      !flags.dump_predictions.empty();
  if (flags.repeats > 1 && writes) {
    throw UsageError(
        "--repeats: files are written for one seed; leave out --save, --checkpoint and --dump-..., or use --repeats 1");
  }
}

/// Of the process that writes.
void check_files(const TrainFlags& flags) {
  check_writable("--save", flags.save);
  check_writable("--checkpoint", flags.checkpoint);
  check_writable("--dump-rankings", flags.dump_rankings);
  check_writable("--dump-predictions", flags.dump_predictions);
}

void train(Context& context, const TrainFlags& flags) {
  const auto configuration = context.load_configuration(flags.config);
  const auto& info = recommenders::info(flags.model);
  check(flags, info);
  const auto placement = tensor::placement_from_environment();
  recommenders::check_shared(info.name, placement ? placement->size : 1);
  if (!placement || placement->rank == 0) {
    check_files(flags);
  } else {  // the leading process speaks for all
    Progress::silence(true);
    log::configure("error");
  }
  const auto world = join_world(configuration, placement);
  auto own_configuration = configuration;
  if (placement) own_configuration.set("device", device_of(configuration, placement).str(), "--device");
  const auto options = configuration.read<evaluation::EvaluationOptions>();
  const auto loaded = data::load(flags.dataset, configuration.read<data::DataOptions>());
  const TrainJob job{.flags = flags,
                     .configuration = configuration,
                     .own_configuration = own_configuration,
                     .world = world,
                     .loaded = loaded,
                     .info = info,
                     .split = loaded.split(task_of(info.kind)),
                     .options = options,
                     .cutoffs = evaluation::integer_cutoffs(options)};
  const auto first_seed = static_cast<std::uint64_t>(configuration.read<RuntimeOptions>().seed);
  std::vector<TrainResult> results;
  for (std::int64_t repeat = 0; repeat < flags.repeats; ++repeat) {
    const std::uint64_t seed = first_seed + static_cast<std::uint64_t>(repeat);
    results.push_back(info.kind == recommenders::RecommenderKind::kRating ? train_rating(job, seed)
                                                                          : train_top_k(job, seed));
  }
  if (!world.leads()) return;
  if (context.json) {
    Context::print_json(results.size() == 1 ? describe(job, results.front()) : describe_all(job, results));
  } else {
    print_table(job, results);
  }
}

}  // namespace

void add_train_command(CLI::App& program, Context& context) {
  auto* command = program.add_subcommand("train", "Fit, evaluate and save one recommender");
  auto flags = std::make_shared<TrainFlags>();
  command->add_option("--dataset", flags->dataset, "A data set's name or folder")->required()->type_name("NAME|DIR");
  std::vector<std::string> names;
  for (const auto& info : recommenders::all()) names.push_back(info.name);
  command->add_option("--model", flags->model, fmt::format("The recommender: {}", fmt::join(names, ", ")))
      ->required()
      ->type_name("NAME");
  command->add_option("--config", flags->config, "A YAML file to overlay")->type_name("FILE");
  command->add_option("--dump-rankings", flags->dump_rankings, "Write the test users' lists as TSV")->type_name("FILE");
  command->add_option("--dump-predictions", flags->dump_predictions, "Write the test pairs' predicted ratings as TSV")
      ->type_name("FILE");
  command->add_option("--save", flags->save, "Write the fitted model")->type_name("FILE");
  command
      ->add_option("--checkpoint", flags->checkpoint,
                   "Keep the training's state here; the same command goes on from it after an interruption")
      ->type_name("FILE");
  command->add_option("--from", flags->from, "Continue this saved model in place of fresh parameters")
      ->type_name("FILE");
  command->add_option("--repeats", flags->repeats, "Fit with this many seeds, one after another")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
  command->callback([&context, flags] { train(context, *flags); });
}

}  // namespace llama4rec::apps
