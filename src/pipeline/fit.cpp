#include "pipeline/fit.h"

#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "core/progress.h"
#include "pipeline/rating_evaluation.h"
#include "pipeline/top_k_evaluation.h"
#include "recommenders/train_options.h"

namespace llama4rec::pipeline {
namespace {

/// The hooks with a bar that follows the epochs.
FitHooks with_progress(const FitHooks& hooks, Progress& progress) {
  FitHooks result = hooks;
  result.on_epoch = [&hooks, &progress](const EpochReport& report) {
    progress.set(report.epoch);
    if (std::isfinite(report.validation)) {
      progress.note(fmt::format("loss {:.4f}, validation {:.4f}", report.loss, report.validation));
    }
    if (hooks.on_epoch) hooks.on_epoch(report);
  };
  return result;
}

}  // namespace

FitHooks validation_hooks(const TopKRecommender& model, const Dataset& dataset, const data::Split& split,
                          const evaluation::EvaluationOptions& options) {
  const auto part = std::make_shared<const TopKPart>(
      top_k_part(dataset, split, data::Part::kValidation, recommenders::info(model.name()).kind, options));
  return {.validation_score =
              [&model, part] {
                const std::string metric = fmt::format("N@{}", kValidationCutoff);
                return evaluate_top_k(model, *part, {kValidationCutoff}).metrics.at(metric);
              },
          .on_epoch = {}};
}

FitHooks validation_hooks(const RatingPredictor& model, const Dataset& dataset, const data::Split& split,
                          const evaluation::EvaluationOptions& options) {
  const auto part = std::make_shared<const RatingPart>(rating_part(dataset, split, data::Part::kValidation, options));
  return {.validation_score = [&model, part] { return -evaluate_rating(model, *part).metrics.at("RMSE"); },
          .on_epoch = {}};
}

FitSummary fit_with_progress(TopKRecommender& model, const TopKTrainingData& data, const FitHooks& hooks,
                             const config::Configuration& configuration, const std::string& label) {
  const auto epochs = configuration.read<recommenders::TrainOptions>().epochs;
  Progress progress(label, epochs, "epochs");
  const FitSummary summary = model.fit(data, with_progress(hooks, progress));
  progress.finish();
  return summary;
}

FitSummary fit_with_progress(RatingPredictor& model, const RatingTrainingData& data, const FitHooks& hooks,
                             const std::string& label) {
  Progress progress(label, 0, "epochs");
  const FitSummary summary = model.fit(data, with_progress(hooks, progress));
  progress.finish();
  return summary;
}

}  // namespace llama4rec::pipeline
