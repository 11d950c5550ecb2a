// Rating prompts' contents for the phases of a rating run: every evaluated user's held-out item. Everything passes the leak guard here.
#pragma once

#include <vector>

#include <llama4rec/recommender.h>

#include "data/leak_guard.h"
#include "pipeline/run_setup.h"
#include "prompts/cases.h"

namespace llama4rec::pipeline {

/// One case per evaluated user; the label is not in it.
struct RatingPhaseCases {
  data::Phase phase = data::Phase::kValidation;
  std::vector<prompts::RatingCase> cases;
};

/// Users with a validation (history: train) or a test rating (history: train and validation).
RatingPhaseCases rating_phase_cases(const RunSetup& setup, const data::LeakGuard& guard, data::Phase phase,
                                    const RatingPredictor& backbone);

/// The true ratings, by case; the guard admits them to the phase.
std::vector<double> rating_labels(const RunSetup& setup, const data::LeakGuard& guard, const RatingPhaseCases& cases);

}  // namespace llama4rec::pipeline
