// Ranking prompts' contents for the phases of a run: who is asked, what may be seen, what the recommenders say. Every history and
// every recommender passes the leak guard here.
#pragma once

#include <optional>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/leak_guard.h"
#include "pipeline/run_setup.h"
#include "prompts/cases.h"

namespace llama4rec::pipeline {

/// The recommenders that serve a phase.
struct PhaseModels {
  const TopKRecommender* backbone = nullptr;
  const RatingPredictor* rating = nullptr;  ///< may be null: no rating prompts
  std::optional<data::Task> task;           ///< whose parts count; empty: the run's
  /// At augmentation: the interactions that stand in the place of the task's train part, a part of it. Null: all of it.
  const InteractionSet* within = nullptr;
};

/// The evaluated users of a phase with their ranking cases: candidates, history, similar user.
struct PhaseCases {
  data::Phase phase = data::Phase::kValidation;
  std::vector<prompts::RankingCase> ranking;             ///< one per user; `positives` is empty
  std::vector<std::vector<double>> scores;               ///< by user, the backbone's of its candidates, descending
  std::vector<std::vector<prompts::RatingCase>> rating;  ///< by user, one per candidate in the backbone's order
};

/// Users with a test item of the run's task, at validation (history: train) or test (history: train and validation). Also for augmentation
/// (history: train; all users with at least one training item).
PhaseCases phase_cases(const RunSetup& setup, const data::LeakGuard& guard, data::Phase phase,
                       const PhaseModels& models);

/// The conventional model's predicted ratings, written into the cases.
void predict_ratings(const RatingPredictor& model, std::span<prompts::RatingCase* const> cases);

}  // namespace llama4rec::pipeline
