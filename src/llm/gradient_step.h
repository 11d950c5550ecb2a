// One step of training: losses and gradients of some examples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/batching.h"
#include "llm/parallel/parameter_units.h"
#include "llm/training_example.h"
#include "llm/transformer.h"
#include "tensor/parallel/world.h"

namespace llama4rec::llm {

struct StepOptions {
  bool mixed_precision = false;  ///< products in bfloat16 (CPU)
  /// Keeps the states between the blocks only, and computes a block's forward pass again for its backward pass.
  bool activation_checkpointing = false;
  std::int64_t accumulation = 1;  ///< parts that a process's share of a step is computed in, one after the other
};

/// What one step read and learned, over all processes.
struct StepResult {
  double loss =
      0;  ///< of this process's examples: their part of the mean; the sum over the processes is the step's loss
  std::int64_t learned = 0;
  std::int64_t read = 0;
};

/// Forward and backward passes over examples, shared out over processes and, in each, over threads: each thread takes a part of the examples,
/// so that the threads meet once per pass (with parallel operators they would meet some hundred times, and waiting costs more than
/// such small operators).
///
/// The plain way takes every example through the whole model and back. Where gradients or weights are shared out (stages 2 and 3), or activations
/// are recomputed, all examples of a part go block by block: then only one block's gradients, or weights, are whole at a time.
class GradientStep {
 public:
  GradientStep(const Transformer& model, const LoraAdapters* adapters, ParameterUnits& units,
               const tensor::World& world, const StepOptions& options);

  /// Leaves the gradients of the mean loss over all learned tokens in the units, for all processes. Every process is given the same examples.
  StepResult compute(std::span<const TrainingExample> examples, std::span<const std::int64_t> places,
                     std::uint64_t dropout_seed);
  /// Sum of the loss over this process's learned tokens, without dropout and in float32.
  [[nodiscard]] double total_loss(std::span<const TrainingExample> examples, std::span<const std::int64_t> places);

 private:
  /// A part of a step that one thread computes alone.
  struct Share {
    TrainingBatch batch;
    SequenceShape shape;
    TrainingPass pass;
    double factor = 0;  ///< of its mean loss in the step's
    double loss = 0;
    // Block by block; states are [batch * length, hidden].
    torch::Tensor embedded;                ///< in autograd where the embedding learns
    std::vector<torch::Tensor> inputs;     ///< of every block, outside of autograd or leaves of it
    std::vector<torch::Tensor> outputs;    ///< of every block in autograd, where they are not computed again
    torch::Tensor top;                     ///< the last block's output, a leaf
    torch::Tensor gradient;                ///< of the states that the backward pass has reached
    std::vector<torch::Tensor> gradients;  ///< of the unit that the backward pass has reached, or of all
  };
  enum class Arithmetic { kTraining, kExact };

  [[nodiscard]] std::span<const std::int64_t> own_places(std::span<const std::int64_t> places) const;
  [[nodiscard]] std::vector<Share> shares_of(std::span<const TrainingExample> examples,
                                             std::span<const std::int64_t> places, std::int64_t learned) const;
  template <class Compute>
  void for_shares(std::vector<Share>& shares, const Compute& compute) const;
  /// Hands the shares' gradients over.
  void add_gradients(std::size_t unit, std::vector<Share>& shares);
  /// Copies in bfloat16 of all weights, for the whole step.
  void refresh_copies();
  /// The copies of a block, made in `own` where none are kept; nothing without bfloat16.
  [[nodiscard]] const MixedBlock* copies_of(std::size_t layer, MixedBlock& own) const;

  void through_the_whole_model(std::vector<Share>& shares);
  void block_by_block(std::vector<Share>& shares);
  void forward_blocks(std::vector<Share>& shares, Arithmetic arithmetic);
  void backward_head(std::vector<Share>& shares);
  void backward_blocks(std::vector<Share>& shares);
  void backward_embedding(std::vector<Share>& shares);

  const Transformer* model_;
  const LoraAdapters* adapters_;
  ParameterUnits* units_;
  const tensor::World* world_;
  StepOptions options_;
  bool by_blocks_;
  bool keeps_copies_;  ///< the copies of a step are made once
  MixedWeights copies_;
};

}  // namespace llama4rec::llm
