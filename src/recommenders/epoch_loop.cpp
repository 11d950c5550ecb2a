#include "recommenders/epoch_loop.h"

#include <chrono>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "core/log.h"
#include "core/seconds_since.h"

namespace llama4rec::recommenders {
namespace {

/// What all processes must have in common.
std::string facts_of(const std::string& model, const EpochLimits& limits, const FitHooks& hooks, bool resumes) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", model, limits.epochs, limits.patience, limits.validate_every,
                     static_cast<bool>(hooks.validation_score), static_cast<int>(hooks.start), resumes,
                     hooks.checkpoint.key);
}

}  // namespace

FitSummary run_epochs(const std::string& model, const EpochLimits& limits, const FitHooks& hooks,
                      const EpochSteps& steps) {
  const bool validated = static_cast<bool>(hooks.validation_score);
  const bool resumable = static_cast<bool>(steps.state) && static_cast<bool>(steps.resume);
  if (hooks.start == FitStart::kContinued && !resumable) {
    throw UsageError(fmt::format("{}: has no parameters that a training could continue from", model));
  }
  const tensor::World alone;
  const tensor::World& world = steps.world == nullptr ? alone : *steps.world;
  StateKeeper keeper(model, resumable ? hooks.checkpoint : FitCheckpoint{});
  TrainingPosition position;
  FitSummary& summary = position.summary;
  const auto publish = [&] {
    if (steps.publish) steps.publish();
  };
  if (!hooks.checkpoint.file.empty() && !resumable) log::info("{}: has no states to keep; a fit is begun anew", model);
  world.agree(facts_of(model, limits, hooks, keeper.enabled() && std::filesystem::exists(hooks.checkpoint.file)),
              "options, data and state");
  if (keeper.enabled()) {
    if (const auto kept = keeper.read()) {
      steps.resume(kept->tensors);
      position = kept->position;
      log::info("{}: goes on after epoch {} ({})", model, summary.epochs, hooks.checkpoint.file.string());
    }
  }
  world.agree(fmt::format("{} {} {}", summary.epochs, position.best, position.ended), "the training state");
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
      report.validation = world.sum(world.leads() ? hooks.validation_score() : 0.0);
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
    const bool stop = world.sum(interrupt_requested() ? 1.0 : 0.0) > 0;
    const bool keeps = keeper.due() || (keeper.enabled() && (position.ended || stop));
    if (keeps && world.leads()) keeper.write(position, steps.state());
    if (!stop) continue;
    throw InterruptedError(fmt::format("interrupted training {}, epoch {}; the same command {}", model, epoch,
                                       keeper.enabled() ? "resumes" : "starts this training anew"));
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
