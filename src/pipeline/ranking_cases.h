// Prompts' contents for the phases of a run: who is asked, what may be seen, what the recommenders say. Every history and every
// recommender passes the leak guard here.
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/leak_guard.h"
#include "pipeline/run_setup.h"
#include "prompts/cases.h"
#include "prompts/instruction_fold.h"

namespace llama4rec::pipeline {

/// Every interaction but those that an explicit split marks as unused.
InteractionSet usable_interactions(const RunSetup& setup);

/// The recommenders that serve a phase.
struct PhaseModels {
  const TopKRecommender* backbone = nullptr;
  const RatingPredictor* rating = nullptr;  ///< may be null: no rating prompts
};

/// The evaluated users of a phase with their ranking cases: candidates, history, similar user.
struct PhaseCases {
  data::Phase phase = data::Phase::kValidation;
  std::vector<prompts::RankingCase> ranking;             ///< one per user; `positives` is empty
  std::vector<std::vector<prompts::RatingCase>> rating;  ///< by user, one per candidate in the backbone's order
};

/// Users with a test item, at validation (history: train) or test (history: train and validation). Also for augmentation (history:
/// train; all users with at least one training item).
PhaseCases phase_cases(const RunSetup& setup, const data::LeakGuard& guard, data::Phase phase,
                       const PhaseModels& models);

/// Out-of-fold cases for instruction tuning.
struct TuningCases {
  std::vector<prompts::RankingCase> ranking;
  std::vector<prompts::RankingCase> pairs;         ///< two candidates, one of them held back
  std::vector<prompts::RankingCase> continuation;  ///< one per user, target = the first held-back positive
  std::vector<std::vector<ItemIndex>> liked_next;  ///< beside `continuation`: the held-back positives, oldest first
  std::vector<prompts::RatingCase> rating;
  std::vector<std::int64_t> target_positions;  ///< of the target in the recommender's list as the prompt has it, from 1
  std::int64_t injected = 0;                   ///< targets put in by instructions.injection_rate
  std::int64_t without_positive = 0;           ///< rankings left out: no held-back item among the candidates
  Provenance provenance;                       ///< everything that the texts were made from
};

/// `models` must not have seen the fold's targets (the guard checks).
TuningCases tuning_cases(const RunSetup& setup, const data::LeakGuard& guard, const prompts::InstructionFold& fold,
                         const PhaseModels& models, std::uint64_t seed);

}  // namespace llama4rec::pipeline
