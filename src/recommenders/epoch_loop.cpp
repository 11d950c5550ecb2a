#include "recommenders/epoch_loop.h"

#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "core/log.h"

namespace llama4rec::recommenders {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

FitSummary run_epochs(const std::string& model, const EpochLimits& limits, const FitHooks& hooks,
                      const EpochSteps& steps) {
  const bool validated = static_cast<bool>(hooks.validation_score);
  const bool resumable = static_cast<bool>(steps.state) && static_cast<bool>(steps.resume);
  if (hooks.start == FitStart::kContinued && !resumable) {
    throw UsageError(fmt::format("{}: has no parameters that a training could continue from", model));
  }
  StateKeeper keeper(model, resumable ? hooks.checkpoint : FitCheckpoint{});
  TrainingPosition position;
  FitSummary& summary = position.summary;
  const auto publish = [&] {
    if (steps.publish) steps.publish();
  };
  if (!hooks.checkpoint.file.empty() && !resumable) log::info("{}: has no states to keep; a fit is begun anew", model);
  if (keeper.enabled()) {
    if (const auto kept = keeper.read()) {
      steps.resume(kept->tensors);
      position = kept->position;
      log::info("{}: goes on after epoch {} ({})", model, summary.epochs, hooks.checkpoint.file.string());
    }
  }
  while (!position.ended) {
    const std::int64_t epoch = summary.epochs + 1;
    const auto start = std::chrono::steady_clock::now();
    EpochReport report{.epoch = epoch, .loss = steps.train(epoch), .seconds = 0, .validation = std::nan("")};
    report.seconds = seconds_since(start);
    summary.train_seconds += report.seconds;
    summary.epochs = epoch;
    if (!std::isfinite(report.loss)) {
      throw DataError(fmt::format("{}: loss is not finite at epoch {}; lower train.learning_rate", model, epoch));
    }
    position.ended = epoch >= limits.epochs;
    if (validated && (epoch % limits.validate_every == 0 || position.ended)) {
      publish();
      report.validation = hooks.validation_score();
      if (!std::isfinite(report.validation)) {
        throw DataError(fmt::format("{}: validation score is not finite at epoch {}", model, epoch));
      }
      if (report.validation > position.best) {
        position.best = report.validation;
        summary.best_epoch = epoch;
        steps.keep();
      }
      position.ended = position.ended || epoch - summary.best_epoch >= limits.patience;
    }
    if (hooks.on_epoch) hooks.on_epoch(report);
    const bool stop = interrupt_requested();
    if (keeper.due() || (keeper.enabled() && (position.ended || stop))) keeper.write(position, steps.state());
    throw_if_interrupted(fmt::format("training {}, epoch {}", model, epoch),
                         keeper.enabled() ? "resumes" : "starts this training anew");
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
