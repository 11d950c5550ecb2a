// The contents of instructions for all tasks: out-of-fold recommenders, targets that were held back from them, labels (docs/protocol.md).
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/leak_guard.h"
#include "pipeline/run_setup.h"
#include "prompts/cases.h"
#include "prompts/instruction_fold.h"
#include "prompts/instruction_sampling.h"

namespace llama4rec::pipeline {

/// The recommenders behind the instructions' candidates, hints and similar users, fit without the fold's targets. Any may be null: no
/// such instructions.
struct TuningModels {
  const TopKRecommender* direct = nullptr;
  const TopKRecommender* sequential = nullptr;
  const RatingPredictor* rating = nullptr;
};

/// Out-of-fold cases for instruction tuning.
struct TuningCases {
  std::vector<prompts::RankingCase> ranking;
  std::vector<prompts::RankingCase> pairs;         ///< two candidates, one of them held back
  std::vector<prompts::RankingCase> choices;       ///< a held-back item among random ones
  std::vector<prompts::RankingCase> continuation;  ///< one per user, target = the first held-back positive
  std::vector<std::vector<ItemIndex>> liked_next;  ///< beside `continuation`: the held-back positives, oldest first
  std::vector<prompts::RatingCase> rating;
  std::vector<std::int64_t> target_positions;  ///< of the target in the recommender's list as the prompt has it, from 1
  std::int64_t injected = 0;                   ///< targets put in by instructions.injection_rate
  std::int64_t without_positive = 0;           ///< rankings left out: no held-back item among the candidates
  prompts::SampledUsers users;                 ///< for instructions.sampling
  Provenance provenance;                       ///< everything that texts, candidates and hints were made from
};

/// Rankings of a user take direct and sequential recommendation in turns; pairs, choices and continuations take the first of the two
/// that there is. The guard refuses models that have seen the fold's targets.
TuningCases tuning_cases(const RunSetup& setup, const data::LeakGuard& guard, const prompts::InstructionFold& fold,
                         const TuningModels& models, std::uint64_t seed);

/// Puts the cases of other users behind.
void append(TuningCases& cases, TuningCases others);

}  // namespace llama4rec::pipeline
