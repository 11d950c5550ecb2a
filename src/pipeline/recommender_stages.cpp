#include "pipeline/recommender_stages.h"

#include <cmath>

#include <fmt/format.h>

#include "core/random.h"
#include "pipeline/fit.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {
namespace {

/// The options of a recommender and what its stage depends on.
struct Prepared {
  config::Configuration options;
  std::vector<std::string> dependencies;
};

template <class Fit>
Prepared prepare(const RunSetup& setup, const Fit& fit, std::uint64_t seed) {
  Prepared result{.options = setup.options_of(fit.recommender),
                  .dependencies = setup.dependencies({"evaluation.users"})};
  if (fit.epochs) result.options.set("train.epochs", std::to_string(*fit.epochs), "pipeline");
  auto& lines = result.dependencies;
  lines.push_back("recommender=" + fit.recommender);
  lines.push_back(result.options.canonical(recommenders::option_prefixes(fit.recommender)));
  lines.push_back(fmt::format("seed={}", seed));
  lines.insert(lines.end(), fit.dependencies.begin(), fit.dependencies.end());
  lines.push_back(fit.epochs ? fmt::format("epochs={}", *fit.epochs) : "early stopping on validation");
  if (fit.continued != nullptr) lines.push_back("continued=" + fit.continued->key);
  return result;
}

constexpr const char* kModelFile = "model.safetensors";

/// Fits and saves into the stage's folder; the validation curve becomes part of its summary. `continued` as in TopKFit.
template <class Model, class Work>
void fit_into(StageFolder& folder, Model& model, FitHooks hooks, const StageResult* continued, const Work& work) {
  if (continued != nullptr) {
    model.load(continued->path / kModelFile);
    hooks.start = FitStart::kContinued;
  }
  nlohmann::ordered_json curve = nlohmann::ordered_json::array();
  hooks.on_epoch = [&](const EpochReport& report) {
    if (std::isfinite(report.validation)) curve.push_back({report.epoch, report.loss, report.validation});
  };
  const FitSummary summary = work(hooks);
  folder.summary["epochs"] = summary.epochs;
  folder.summary["best_epoch"] = summary.best_epoch;
  folder.summary["train_seconds"] = summary.train_seconds;
  folder.summary["validation_curve"] = curve;
  model.save(folder.path / kModelFile);
}

}  // namespace

FittedTopK fit_top_k(StageStore& store, const RunSetup& setup, const TopKFit& fit, std::uint64_t seed) {
  const Prepared prepared = prepare(setup, fit, seed);
  auto model = recommenders::create_top_k(fit.recommender, prepared.options,
                                          derived_seed(seed, "recommender." + fit.recommender));
  StageResult stage = store.run(
      fit.stage, prepared.dependencies,
      [&](StageFolder& folder) {
        const TopKTrainingData data = fit.data();
        const data::Split& split = setup.split_of(task_of(fit.recommender));
        fit_into(folder, *model,
                 fit.epochs ? FitHooks{} : validation_hooks(*model, setup.dataset(), split, setup.evaluation),
                 fit.continued, [&](const FitHooks& hooks) {
                   return fit_with_progress(*model, data, hooks, prepared.options, fit.stage + " " + fit.recommender);
                 });
      },
      fit.recommender);
  model->load(stage.path / kModelFile);
  return {.model = std::move(model), .stage = std::move(stage)};
}

FittedRating fit_rating(StageStore& store, const RunSetup& setup, const RatingFit& fit, std::uint64_t seed) {
  const Prepared prepared = prepare(setup, fit, seed);
  auto model = recommenders::create_rating(fit.recommender, prepared.options,
                                           derived_seed(seed, "recommender." + fit.recommender));
  StageResult stage = store.run(
      fit.stage, prepared.dependencies,
      [&](StageFolder& folder) {
        const RatingTrainingData data = fit.data();
        fit_into(folder, *model,
                 fit.epochs ? FitHooks{} : validation_hooks(*model, setup.dataset(), setup.rating, setup.evaluation),
                 fit.continued, [&](const FitHooks& hooks) {
                   return fit_with_progress(*model, data, hooks, fit.stage + " " + fit.recommender);
                 });
      },
      fit.recommender);
  model->load(stage.path / kModelFile);
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

RatingTrainingData ratings_of(const RunSetup& setup, const InteractionSet& admitted, const std::string& what) {
  const Dataset& dataset = setup.dataset();
  RatingTrainingData data{.users = dataset.users(),
                          .items = dataset.items(),
                          .rating_minimum = dataset.rating_minimum,
                          .rating_maximum = dataset.rating_maximum,
                          .examples = {},
                          .user_attributes = &dataset.user_attributes,
                          .item_attributes = &dataset.item_attributes,
                          .provenance = {.what = what, .interactions = admitted}};
  for (const InteractionIndex i : admitted.members()) {
    const Interaction& it = dataset.interactions[static_cast<std::size_t>(i)];
    data.examples.push_back({.user = it.user, .item = it.item, .rating = it.rating});
  }
  return data;
}

}  // namespace llama4rec::pipeline
