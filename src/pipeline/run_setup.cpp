#include "pipeline/run_setup.h"

#include <algorithm>
#include <string_view>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <llama4rec/error.h>

#include "aggregation/aggregation_options.h"
#include "augmentation/attribute_facts.h"
#include "core/log.h"
#include "data/fetch.h"
#include "llm/embedded_llm.h"
#include "pipeline/fit_and_evaluate.h"
#include "pipeline/run_checkpoint.h"
#include "prompts/instruction_sampling.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {
namespace {

/// The compact wording is for a model that was made from it; another one is asked in sentences unless the user says otherwise.
config::Configuration with_wording(config::Configuration configuration) {
  const auto run = configuration.read<RunOptions>();
  if (run.llm_kind != "embedded" && configuration.find("prompts.style") == nullptr) {
    configuration.set("prompts.style", "verbose", "llm.kind: " + run.llm_kind);
  }
  return configuration;
}

/// A remote model cannot be tuned, and another one need not.
bool tunes_models(const config::Configuration& configuration) {
  return !configuration.read<RunOptions>().remote() && configuration.read<llm::TuningOptions>().epochs > 0;
}

}  // namespace

RunSetup::RunSetup(config::Configuration configuration_given, data::LoadedData loaded_given, torch::Device device_given)
    : configuration(with_wording(std::move(configuration_given))),
      loaded(std::move(loaded_given)),
      device(device_given),
      run(configuration.read<RunOptions>()),
      checkpoint(describe_run_checkpoint(configuration)),
      tunes(tunes_models(configuration)),
      chooses_augmentations(configuration.read<aggregation::AggregationOptions>().augmentations == "validation"),
      evaluation(configuration.read<evaluation::EvaluationOptions>()),
      prompts(configuration.read<prompts::PromptOptions>()),
      instructions(configuration.read<prompts::InstructionOptions>()),
      pretraining_text(configuration.read<prompts::PretrainingTextOptions>()),
      fold(configuration.read<prompts::FoldOptions>()),
      task(task_of(run.backbone)),
      direct(loaded.split(data::Task::kDirect)),
      sequential(loaded.split(data::Task::kSequential)),
      rating(loaded.split(data::Task::kRating)),
      held_out(data::held_out_union({&direct, &sequential, &rating})),
      texts(loaded.dataset),
      templates(texts, prompts::template_sources(prompts)) {
  if (split().test_users().empty()) {
    throw DataError(fmt::format(
        "data set {}: no user has 3 interactions{}, so there is no test item", loaded.dataset.name,
        task == data::Task::kRating ? "" : fmt::format(" with a rating of {} or more", loaded.positive_threshold)));
  }
  for (const auto& [name, expected] : {std::pair{instructions.direct_backbone, data::Task::kDirect},
                                       {instructions.sequential_backbone, data::Task::kSequential},
                                       {instructions.rating_backbone, data::Task::kRating}}) {
    if (!name.empty() && task_of(name) != expected) {
      throw UsageError(fmt::format("instructions.{}_backbone: {} is a recommender of another task ({})",
                                   to_string(expected), name, to_string(task_of(name))));
    }
  }
  prompts::check_sampling(instructions);
  // What is wrong with these is said now, not when the language models have been made.
  const auto attributes = configuration.read<augmentation::AttributeOptions>();
  (void)attributes.examples();
  if (!attributes.facts.empty()) (void)augmentation::read_facts(attributes.facts, dataset());
}

const data::Split& RunSetup::split_of(data::Task of) const {
  switch (of) {
    case data::Task::kDirect:
      return direct;
    case data::Task::kSequential:
      return sequential;
    case data::Task::kRating:
      return rating;
  }
  throw InternalError("unknown task");
}

config::Configuration RunSetup::options_of(const std::string& recommender) const {
  config::Configuration result(configuration.shared_table());
  const std::string data_name = std::filesystem::path(loaded.dataset.name).filename().string();
  const auto profile = std::filesystem::path(run.profiles) / data_name / (recommender + ".yaml");
  if (!run.profiles.empty() && std::filesystem::exists(profile)) result.load_yaml(profile);
  std::vector<std::string> backbones_alone;
  if (recommender != run.backbone) {
    backbones_alone = recommenders::option_prefixes(recommender);
    std::erase(backbones_alone, recommender + ".");
  }
  result.overlay(configuration, backbones_alone);
  return result;
}

std::vector<std::string> RunSetup::dependencies(const std::vector<std::string>& prefixes,
                                                const std::vector<std::string>& without) const {
  const auto names = [](const std::vector<std::string>& beginnings, std::string_view option) {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](const auto& it) { return option.starts_with(it); });
  };
  std::vector<std::string> left_out = without;
  left_out.emplace_back("prompts.templates");
  std::vector<std::string> lines{
      "data=" + loaded.dataset.source_hash,
      configuration.canonical({"data.positive_threshold", "data.core", "data.order_seed", "data.tie_seed"}),
      configuration.canonical(prefixes, left_out), "device=" + device.str(),
      // Decides how products and training steps are divided, and so rounding.
      fmt::format("threads={}", at::get_num_threads())};
  const bool worded = names(prefixes, "prompts.style") && !names(without, "prompts.style");
  if (worded && !prompts.templates.empty()) lines.push_back("templates=" + templates.fingerprint());
  return lines;
}

data::Task task_of(const std::string& recommender) { return task_of(recommenders::info(recommender).kind); }

data::LoadedData obtain_data(const config::Configuration& configuration) {
  const auto run = configuration.read<RunOptions>();
  const auto options = configuration.read<data::DataOptions>();
  if (data::locate(run.data_name, options)) return data::load(run.data_name, options);
  if (run.data_fetch) {
    try {
      log::info("data set {} is not on this machine; downloading it", run.data_name);
      const std::filesystem::path directory = options.directory.empty() ? "data" : options.directory;
      data::fetch({.name = run.data_name, .directory = directory});
      return data::load(run.data_name, options);
    } catch (const llama4rec::Error& failure) {
      if (run.data_fallback.empty() || failure.category() == ErrorCategory::kInterrupted) throw;
      log::warn("{}", failure.what());
    }
  }
  if (run.data_fallback.empty()) return data::load(run.data_name, options);  // its message says where it was looked for
  log::warn("data set {} is not to be had; using {} instead", run.data_name, run.data_fallback);
  return data::load(run.data_fallback, options);
}

}  // namespace llama4rec::pipeline
