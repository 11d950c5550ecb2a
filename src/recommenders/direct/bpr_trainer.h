// Minimises the pairwise ranking loss over embeddings, with or without propagation over the graph. Two implementations with
// the same result up to rounding: own CPU kernels with explicit gradients, and libtorch with autograd on any device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "recommenders/direct/bpr_sampler.h"
#include "recommenders/direct/interaction_graph.h"
#include "recommenders/training_state.h"
#include "tensor/parallel/world.h"

namespace llama4rec::recommenders {

/// The model's shape and how it learns.
struct BprSettings {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::int64_t dimension = 64;
  std::int64_t layers = 0;  ///< 0: matrix factorisation
  std::int64_t batch_size = 2048;
  double learning_rate = 1e-3;
  double regularization = 1e-4;
  /// Values that a loop over samples or parameters must touch before it is shared by several threads: below, waking them (and, on a
  /// busy machine, waiting for the slowest) costs more than it saves.
  std::int64_t parallel_from = std::int64_t{1} << 19;
  const InteractionGraph* graph = nullptr;  ///< not null where layers > 0; outlives the trainer
  /// The processes that train together, each with the same calls and samples; null: this one alone. Outlives the trainer.
  const tensor::World* world = nullptr;

  [[nodiscard]] std::int64_t nodes() const { return users + items; }
};

/// With e the initial embeddings and f the propagated ones (f = e without layers), the loss of a batch of B samples is
///   1/B * sum of [ w * -ln sigmoid(f_u . (f_i - f_j)) + regularization / 2 * (|e_u|^2 + |e_i|^2 + |e_j|^2) ].
/// Several processes take a share of each batch's samples each, and the gradients are summed up: all have the same parameters after each step, and
/// those of one process up to rounding (the same bits in own kernels). Losses that are returned are the whole batch's.
class BprTrainer {
 public:
  virtual ~BprTrainer() = default;

  /// Draws what is drawn once for an epoch (from 1); before that epoch's first batch.
  virtual void begin_epoch(std::int64_t /*epoch*/) {}
  /// One pass over `samples` in batches, an Adam step for each; returns the mean loss per sample.
  virtual double train_epoch(const BprSamples& samples) = 0;
  /// The loss of one batch and its gradient with respect to e, [nodes, dimension], without a step.
  virtual double loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) = 0;
  /// e, [nodes, dimension]; nodes are the users, then the items.
  [[nodiscard]] virtual std::vector<float> initial_embeddings() const = 0;
  /// f, [nodes, dimension].
  [[nodiscard]] virtual std::vector<float> final_embeddings() = 0;
  /// "parameters", "adam.first", "adam.second": float32 [nodes, dimension]; "adam.steps": int64 [1].
  [[nodiscard]] virtual NamedTensors state() const = 0;
  /// Takes what `state` returned; DataError where it does not fit.
  virtual void restore(const NamedTensors& state) = 0;
};

/// Glorot and Bengio's uniform initial values for users and items, [nodes, dimension] (AISTATS 2010, eq. 16).
std::vector<float> glorot_embeddings(const BprSettings& settings, std::uint64_t seed);

/// Explicit gradients on preallocated CPU buffers. `initial` is [nodes, dimension].
std::unique_ptr<BprTrainer> make_fast_bpr_trainer(const BprSettings& settings, std::span<const float> initial);
/// libtorch and autograd on `device` ("cpu", "cuda", "cuda:1").
std::unique_ptr<BprTrainer> make_plain_bpr_trainer(const BprSettings& settings, std::span<const float> initial,
                                                   const std::string& device);

}  // namespace llama4rec::recommenders
