#include "recommenders/epoch_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"

namespace llama4rec::recommenders {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

FitSummary run_epochs(const std::string& model, const EpochLimits& limits, const FitHooks& hooks,
                      const EpochSteps& steps) {
  const bool validated = static_cast<bool>(hooks.validation_score);
  FitSummary summary;
  double best = -std::numeric_limits<double>::infinity();
  const auto publish = [&] {
    if (steps.publish) steps.publish();
  };
  for (std::int64_t epoch = 1; epoch <= limits.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    EpochReport report{.epoch = epoch, .loss = steps.train(epoch), .seconds = 0, .validation = std::nan("")};
    report.seconds = seconds_since(start);
    summary.train_seconds += report.seconds;
    summary.epochs = epoch;
    if (!std::isfinite(report.loss)) {
      throw DataError(fmt::format("{}: loss is not finite at epoch {}; lower train.learning_rate", model, epoch));
    }
    if (validated && (epoch % limits.validate_every == 0 || epoch == limits.epochs)) {
      publish();
      report.validation = hooks.validation_score();
      if (!std::isfinite(report.validation)) {
        throw DataError(fmt::format("{}: validation score is not finite at epoch {}", model, epoch));
      }
      if (report.validation > best) {
        best = report.validation;
        summary.best_epoch = epoch;
        steps.keep();
      }
    }
    if (hooks.on_epoch) hooks.on_epoch(report);
    throw_if_interrupted(fmt::format("training {}, epoch {}", model, epoch), "starts this training anew");
    if (validated && epoch - std::max<std::int64_t>(summary.best_epoch, 0) >= limits.patience &&
        !std::isnan(report.validation)) {
      break;
    }
  }
  if (validated) {
    steps.restore();
  } else {
    publish();
    summary.best_epoch = summary.epochs;
  }
  return summary;
}

}  // namespace llama4rec::recommenders
