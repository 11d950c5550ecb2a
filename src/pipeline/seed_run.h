// The whole method for one seed of a top-k task: fit, fold, pre-train, tune, augment, refit, rank. What it decides on validation and what
// it measures on test comes after it (rows.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/control_orders.h"
#include "pipeline/language_model_ranking.h"
#include "pipeline/run_setup.h"
#include "pipeline/seed_record.h"
#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

/// A phase's evaluated users with a recommender's candidates and what others make of them. All vectors: one entry per user.
struct PhaseRanking {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> targets;                  ///< -1: training never saw it (a miss by definition)
  std::vector<std::vector<ItemIndex>> candidates;  ///< best first
  std::vector<std::vector<double>> scores;         ///< the recommender's, by user and candidate
  MethodOrders language_model;                     ///< by ranking method
  /// The language model's, by user and candidate: of standing first. Empty where it does not tell.
  std::vector<std::vector<double>> log_probabilities;
  std::map<std::string, ControlOrders> controls;  ///< other orders in the language model's place, by name
};

/// A recommender's candidates at validation and test.
struct BackboneRanking {
  PhaseRanking validation;
  PhaseRanking test;
};

/// What one seed's stages produced.
struct SeedOutcome : SeedRecord {
  BackboneRanking base;  ///< Base's candidates; language_model = the plainly tuned model (IFT)
  BackboneRanking
      refit;  ///< the refit backbone's candidates; language_model = the model tuned on augmented prompts; of the last round
  /// Base's candidates; language_model = the model tuned on augmented prompts, hints and similar users from Base: prompt
  /// augmentation without data augmentation. Empty without run.controls.
  BackboneRanking base_augmented;
  /// The refit backbone's candidates; language_model = the plainly tuned model: data augmentation without prompt augmentation.
  /// Empty without run.controls.
  BackboneRanking refit_plain;
  /// With run.rounds above 1: as `refit`, of the rounds before the last one.
  std::vector<BackboneRanking> earlier_rounds;
  std::map<std::string, PhaseRanking> refit_controls;  ///< test lists of refits on other augmentations, by name
};

/// Runs or resumes one seed. Everything it keeps lies under `store`.
SeedOutcome run_seed(const RunSetup& setup, StageStore& store, std::uint64_t seed);

}  // namespace llama4rec::pipeline
