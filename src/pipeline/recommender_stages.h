// Fitting recommenders as stages of a run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "pipeline/run_setup.h"
#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

/// A fitted recommender and the stage that it came from.
struct FittedTopK {
  std::unique_ptr<TopKRecommender> model;
  StageResult stage;
  [[nodiscard]] std::int64_t best_epoch() const { return stage.summary.at("best_epoch").get<std::int64_t>(); }
};
struct FittedRating {
  std::unique_ptr<RatingPredictor> model;
  StageResult stage;
  [[nodiscard]] std::int64_t best_epoch() const { return stage.summary.at("best_epoch").get<std::int64_t>(); }
};

/// What to fit.
struct TopKFit {
  std::string stage;                       ///< name in the store
  std::string recommender;                 ///< name in the registry
  std::vector<std::string> dependencies;   ///< beside data, options and seed: what decides the training data
  std::function<TopKTrainingData()> data;  ///< called only if the stage is not done
  std::optional<std::int64_t> epochs;      ///< so many and no early stopping; empty: stop early on validation
  const StageResult* continued = nullptr;  ///< the fit whose model is trained on; null: from fresh parameters
};

/// `fit.dependencies` name the data; the recommender's own task tells when to stop early.
FittedTopK fit_top_k(StageStore& store, const RunSetup& setup, const TopKFit& fit, std::uint64_t seed);

/// What to fit of ratings; members as above.
struct RatingFit {
  std::string stage;
  std::string recommender;
  std::vector<std::string> dependencies;
  std::function<RatingTrainingData()> data;
  std::optional<std::int64_t> epochs;
  const StageResult* continued = nullptr;
};

FittedRating fit_rating(StageStore& store, const RunSetup& setup, const RatingFit& fit, std::uint64_t seed);

/// The items by user among `admitted` positives, oldest first, with their provenance.
TopKTrainingData positives_of(const RunSetup& setup, const InteractionSet& admitted, const std::string& what);

/// The ratings of `admitted` with the data set's attributes, with their provenance. Points into the data set.
RatingTrainingData ratings_of(const RunSetup& setup, const InteractionSet& admitted, const std::string& what);

}  // namespace llama4rec::pipeline
