// The loop around every training: epochs, validation, patience, the best parameters, interruption.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <llama4rec/recommender.h>

#include "recommenders/training_state.h"
#include "tensor/parallel/world.h"

namespace llama4rec::recommenders {

/// When a training ends.
struct EpochLimits {
  std::int64_t epochs = 1;
  std::int64_t patience = 1;        ///< epochs without improvement; counts only where there is a validation score
  std::int64_t validate_every = 1;  ///< epochs
};

/// What the loop does to a model. `publish` may be empty; so may `state` and `resume`, both, of a model whose training is over
/// in seconds: it has no checkpoints.
struct EpochSteps {
  std::function<double(std::int64_t epoch)> train;  ///< one pass, from epoch 1; returns the mean loss
  std::function<void()> publish;                    ///< makes the current parameters the ones that `score` uses
  std::function<void()> keep;                       ///< remembers the published parameters as the best
  std::function<void()> restore;                    ///< returns to the remembered parameters
  /// All that the next epoch depends on and the remembered parameters: parameters, optimiser moments, step counts, ... Random
  /// draws depend on the seed and the epoch only, so that generators have no state. Undefined tensors are left out.
  std::function<NamedTensors()> state = {};
  /// Takes what `state` returned, in a process of the same options and data; DataError where it does not fit.
  std::function<void(const NamedTensors&)> resume = {};
  /// The processes that train the model together, each with the same calls; null: this one alone.
  const tensor::World* world = nullptr;
};

/// Trains until the limits. With `hooks.validation_score` the epoch with the highest score wins (the earliest of equal ones),
/// without it the last. Goes on from `hooks.checkpoint` where its file is there. Throws DataError when the loss or the validation score
/// is not finite, InterruptedError at an epoch's end after a signal.
///
/// Of several processes the leading one validates and keeps the state; what it finds, and a signal that reaches one of them, holds for all.
/// `train` must return the same loss in all. DataError in all where they were not started alike.
FitSummary run_epochs(const std::string& model, const EpochLimits& limits, const FitHooks& hooks,
                      const EpochSteps& steps);

}  // namespace llama4rec::recommenders
