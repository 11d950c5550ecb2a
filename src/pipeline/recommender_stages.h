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
};

/// What to fit.
struct TopKFit {
  std::string stage;                       ///< name in the store
  std::string recommender;                 ///< name in the registry
  std::vector<std::string> dependencies;   ///< beside data, options and seed: what decides the training data
  std::function<TopKTrainingData()> data;  ///< called only if the stage is not done
  std::optional<std::int64_t> epochs;      ///< so many and no early stopping; empty: stop early on validation
};

FittedTopK fit_top_k(StageStore& store, const RunSetup& setup, const TopKFit& fit, std::uint64_t seed);

/// A rating predictor on the interactions of `admitted`, without early stopping.
FittedRating fit_rating(StageStore& store, const RunSetup& setup, const std::string& stage,
                        const std::vector<std::string>& dependencies, const InteractionSet& admitted,
                        std::uint64_t seed);

/// The items by user among `admitted` positives, oldest first, with their provenance.
TopKTrainingData positives_of(const RunSetup& setup, const InteractionSet& admitted, const std::string& what);

}  // namespace llama4rec::pipeline
