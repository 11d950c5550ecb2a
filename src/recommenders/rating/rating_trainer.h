// Minimises the squared error of a rating network. Two implementations with the same result up to rounding: own CPU kernels with explicit
// gradients, and libtorch with autograd on any device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "recommenders/rating/rating_network.h"
#include "recommenders/training_state.h"

namespace llama4rec::recommenders {

/// How a network learns.
struct RatingLearning {
  std::int64_t batch_size = 256;
  double learning_rate = 1e-3;
  double decay = 1;         ///< the learning rate's factor from one epoch to the next
  double weight_decay = 0;  ///< of the interactions' parameters
  double averaging = 0;     ///< of the parameters over steps; 0: the last ones are the model
  bool lazy = false;        ///< Adam moves only the rows that a batch touches
  std::uint64_t seed = 1;
  std::int64_t parts = 2;  ///< a batch's slices, each worked on by one thread; results depend on it, not on the threads
};

/// What a row of the table costs for each example that touches it, [rows].
struct RowPenalties {
  std::vector<float> embedding;  ///< times the row's squared norm
  std::vector<float> linear;     ///< times the squared linear weight
};

/// Pairs and ratings by column, for batches.
struct RatingColumns {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> items;
  std::vector<float> ratings;
  [[nodiscard]] RatingBatch view() const { return {.users = users, .items = items, .ratings = ratings}; }
};

/// The training data in the random order of an epoch.
RatingColumns shuffled(std::span<const RatingExample> examples, std::uint64_t seed, std::int64_t epoch);

/// The loss of a batch of B examples is
///   1/B * sum of [ (y - r)^2 + sum over touched rows of (penalty.embedding |e|^2 + penalty.linear w^2) ] + weight_decay / 2 |theta|^2
/// with theta the interactions' parameters.
class RatingTrainer {
 public:
  virtual ~RatingTrainer() = default;

  /// One pass over the examples, in that order; returns the mean squared error on the way. `epoch` counts from 1.
  virtual double train_epoch(const RatingColumns& examples, std::int64_t epoch) = 0;
  /// The loss of one batch and its gradient with respect to all parameters, without a step; `dropout` null: none.
  virtual double loss_and_gradient(const RatingBatch& batch, const DropoutKey* dropout,
                                   std::vector<float>& gradient) = 0;
  /// The parameters to predict with: averaged where averaging is on.
  [[nodiscard]] virtual std::vector<float> parameters() const = 0;
  /// "parameters", "averaged", "adam.first", "adam.second": float32 [parameters]; "adam.steps": int64 [1].
  [[nodiscard]] virtual NamedTensors state() const = 0;
  /// Takes what `state` returned; DataError where it does not fit.
  virtual void restore(const NamedTensors& state) = 0;
};

/// Explicit gradients on CPU buffers kept between steps. `network` and `penalties` outlive the trainer.
std::unique_ptr<RatingTrainer> make_fast_rating_trainer(const RatingNetwork& network, const RowPenalties& penalties,
                                                        const RatingLearning& learning, std::vector<float> initial);
/// libtorch and autograd on `device`; Adam is never lazy.
std::unique_ptr<RatingTrainer> make_plain_rating_trainer(const RatingNetwork& network, const RowPenalties& penalties,
                                                         const RatingLearning& learning,
                                                         const std::vector<float>& initial, const std::string& device);

}  // namespace llama4rec::recommenders
