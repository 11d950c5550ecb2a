#include "pipeline/recommender_stages.h"

#include <fmt/format.h>

#include "core/random.h"
#include "pipeline/fit.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {
namespace {

std::vector<std::string> key_lines(const RunSetup& setup, const std::string& recommender,
                                   const std::vector<std::string>& dependencies, std::uint64_t seed) {
  std::vector<std::string> lines =
      setup.dependencies({"train.", recommender + ".", "evaluation.protocol", "evaluation.users"});
  lines.push_back("recommender=" + recommender);
  lines.push_back(fmt::format("seed={}", seed));
  lines.insert(lines.end(), dependencies.begin(), dependencies.end());
  return lines;
}

}  // namespace

FittedTopK fit_top_k(StageStore& store, const RunSetup& setup, const TopKFit& fit, std::uint64_t seed) {
  config::Configuration configuration = setup.configuration;
  if (fit.epochs) configuration.set("train.epochs", std::to_string(*fit.epochs), "pipeline");
  auto model =
      recommenders::create_top_k(fit.recommender, configuration, derived_seed(seed, "recommender." + fit.recommender));
  std::vector<std::string> dependencies = key_lines(setup, fit.recommender, fit.dependencies, seed);
  dependencies.push_back(fit.epochs ? fmt::format("epochs={}", *fit.epochs) : "early stopping on validation");
  StageResult stage = store.run(fit.stage, dependencies, [&](StageFolder& folder) {
    const TopKTrainingData data = fit.data();
    nlohmann::ordered_json curve = nlohmann::ordered_json::array();
    FitHooks hooks =
        fit.epochs ? FitHooks{} : validation_hooks(*model, setup.dataset(), setup.direct, setup.evaluation);
    hooks.on_epoch = [&](const EpochReport& report) {
      if (std::isfinite(report.validation)) curve.push_back({report.epoch, report.loss, report.validation});
    };
    const FitSummary summary = fit_with_progress(*model, data, hooks, configuration, fit.stage);
    model->save(folder.path / "model.safetensors");
    folder.summary["epochs"] = summary.epochs;
    folder.summary["best_epoch"] = summary.best_epoch;
    folder.summary["train_seconds"] = summary.train_seconds;
    folder.summary["validation_curve"] = curve;
  });
  model->load(stage.path / "model.safetensors");
  return {.model = std::move(model), .stage = std::move(stage)};
}

FittedRating fit_rating(StageStore& store, const RunSetup& setup, const std::string& stage_name,
                        const std::vector<std::string>& dependencies, const InteractionSet& admitted,
                        std::uint64_t seed) {
  const std::string& name = setup.run.rating_model;
  auto model = recommenders::create_rating(name, setup.configuration, derived_seed(seed, "recommender." + name));
  StageResult stage = store.run(stage_name, key_lines(setup, name, dependencies, seed), [&](StageFolder& folder) {
    const Dataset& dataset = setup.dataset();
    RatingTrainingData data{.users = dataset.users(),
                            .items = dataset.items(),
                            .rating_minimum = dataset.rating_minimum,
                            .rating_maximum = dataset.rating_maximum,
                            .user_attributes = &dataset.user_attributes,
                            .item_attributes = &dataset.item_attributes,
                            .provenance = {.what = name + " (" + stage_name + ")", .interactions = admitted}};
    for (const InteractionIndex i : admitted.members()) {
      const Interaction& it = dataset.interactions[static_cast<std::size_t>(i)];
      data.examples.push_back({.user = it.user, .item = it.item, .rating = it.rating});
    }
    const FitSummary summary = model->fit(data, {});
    model->save(folder.path / "model.safetensors");
    folder.summary["epochs"] = summary.epochs;
    folder.summary["train_seconds"] = summary.train_seconds;
  });
  model->load(stage.path / "model.safetensors");
  return {.model = std::move(model), .stage = std::move(stage)};
}

TopKTrainingData positives_of(const RunSetup& setup, const InteractionSet& admitted, const std::string& what) {
  const Dataset& dataset = setup.dataset();
  TopKTrainingData data{.users = dataset.users(),
                        .items = dataset.items(),
                        .histories = std::vector<std::vector<ItemIndex>>(static_cast<std::size_t>(dataset.users())),
                        .pairs = {},
                        .provenance = {.what = what, .interactions = InteractionSet(dataset.size())}};
  for (const InteractionIndex i : admitted.members()) {
    const Interaction& it = dataset.interactions[static_cast<std::size_t>(i)];
    if (it.rating < setup.loaded.positive_threshold) continue;
    data.histories[static_cast<std::size_t>(it.user)].push_back(it.item);
    data.provenance.interactions.insert(i);
  }
  return data;
}

}  // namespace llama4rec::pipeline
