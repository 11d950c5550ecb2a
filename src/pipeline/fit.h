// Fitting a recommender under the evaluation protocol: early stopping on the validation part, progress on the terminal.
#pragma once

#include <string>

#include <llama4rec/recommender.h>

#include "config/configuration.h"
#include "data/split.h"
#include "evaluation/evaluation_options.h"

namespace llama4rec::pipeline {

/// What early stopping maximises on the validation part (input and mask: the train part). A long list, because with one
/// target per user a short one leaves few hits to judge by; docs/results.md has the comparison.
inline constexpr std::int64_t kValidationCutoff = 10;

/// Hooks that stop `model`'s fit by N@10 on the validation part of `split`. The model must outlive the hooks.
FitHooks validation_hooks(const TopKRecommender& model, const Dataset& dataset, const data::Split& split,
                          const evaluation::EvaluationOptions& options);
/// The same for ratings, by the RMSE.
FitHooks validation_hooks(const RatingPredictor& model, const Dataset& dataset, const data::Split& split,
                          const evaluation::EvaluationOptions& options);

/// Fits with a progress bar (`label`: its text); `hooks.on_epoch` is called as well.
FitSummary fit_with_progress(TopKRecommender& model, const TopKTrainingData& data, const FitHooks& hooks,
                             const config::Configuration& configuration, const std::string& label);
FitSummary fit_with_progress(RatingPredictor& model, const RatingTrainingData& data, const FitHooks& hooks,
                             const std::string& label);

}  // namespace llama4rec::pipeline
