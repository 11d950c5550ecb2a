// The LLaMA transformer: embedding, blocks of attention and gated feed-forward layers, output matrix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/attention.h"
#include "llm/key_value_cache.h"
#include "llm/mixed_linear.h"
#include "llm/model_config.h"
#include "llm/rotary.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

class LoraAdapters;

/// Weights of one block. Projections that read the same input are one matrix: fewer, larger products.
struct BlockWeights {
  torch::Tensor attention_norm;        ///< [hidden]
  torch::Tensor query_key_value;       ///< [query + 2 * key/value size, hidden]
  torch::Tensor query_key_value_bias;  ///< [query + 2 * key/value size]; undefined where the model has none
  torch::Tensor attention_output;      ///< [hidden, query size]
  torch::Tensor feed_forward_norm;     ///< [hidden]
  torch::Tensor gate_up;               ///< [2 * intermediate, hidden], gate first
  torch::Tensor down;                  ///< [hidden, intermediate]
};

/// One batch of tokens to read against a cache.
struct ReadBatch {
  torch::Tensor tokens;     ///< [batch, length] int64
  torch::Tensor positions;  ///< [batch, length] int64, below the context
  Visibility visibility;
};

/// Copies of a block's matrices for training in bfloat16 (mixed_linear.h).
struct MixedBlock {
  MixedWeight query_key_value;
  MixedWeight attention_output;
  MixedWeight gate_up;
  MixedWeight down;
};
struct MixedWeights {
  std::vector<MixedBlock> blocks;
  MixedWeight head;
};

/// How a training batch goes through the model.
struct TrainingPass {
  std::optional<std::uint64_t> dropout_seed;  ///< decides the masks; none: no dropout
  const LoraAdapters* adapters = nullptr;
  /// Copies of the present weights, which must live until the backward pass is over: matrices are then multiplied in bfloat16 (CPU).
  const MixedWeights* mixed = nullptr;
};
/// Sequences of one length, right-padded (causal attention never looks there).
struct SequenceShape {
  std::int64_t batch = 0;
  std::int64_t length = 0;
};

class Transformer {
 public:
  /// Fresh weights: normal, the projections back into the residual stream scaled down by sqrt(2 * layers); norms 1. Without a seed the
  /// matrices are left as they are in memory, for a checkpoint to fill.
  Transformer(const ModelConfig& config, std::optional<std::uint64_t> seed, const torch::Device& device);

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] const torch::Device& device() const { return device_; }
  /// All weights with stable names, each a leaf that asks for gradients.
  [[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> parameters() const;

  /// Training. tokens [batch, length] int64 -> states before the last norm [batch * length, hidden], in autograd: `embedded`, then every
  /// `block_states`.
  [[nodiscard]] torch::Tensor training_states(const torch::Tensor& tokens, const TrainingPass& pass) const;
  /// [batch * length, hidden] of tokens [batch, length].
  [[nodiscard]] torch::Tensor embedded(const torch::Tensor& tokens, const TrainingPass& pass) const;
  /// One block. x [batch * length, hidden] -> the same shape. `copies`: of this block (in the place of the pass's).
  [[nodiscard]] torch::Tensor block_states(std::size_t layer, const torch::Tensor& x, const SequenceShape& shape,
                                           const TrainingPass& pass, const MixedBlock* copies) const;
  [[nodiscard]] MixedBlock mixed_block(std::size_t layer) const;
  [[nodiscard]] MixedWeights mixed_weights() const;
  /// Without dropout and in float32.
  [[nodiscard]] torch::Tensor plain_states(const torch::Tensor& tokens) const { return training_states(tokens, {}); }
  /// Mean cross-entropy of states [rows, hidden] before the last norm against targets [rows]. `mixed`: copies of the head.
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& states, const torch::Tensor& targets,
                                   const MixedWeight* mixed = nullptr) const;

  /// Reads a batch of whole rows (slot = place in the row); keeps their keys and values in `keep` where it is not null.
  /// -> states before the last norm [batch * length, hidden]. Outside autograd.
  [[nodiscard]] torch::Tensor read(const ReadBatch& batch, KeyValueCache* keep) const;
  /// Reads more tokens of the cache's rows: the token at position p goes to slot p. -> as above.
  [[nodiscard]] torch::Tensor read_on(const ReadBatch& batch, KeyValueCache& cache) const;

  /// The last norm. states [rows, hidden] -> the same shape.
  [[nodiscard]] torch::Tensor normalized(const torch::Tensor& states) const;
  [[nodiscard]] const std::vector<BlockWeights>& blocks() const { return blocks_; }
  [[nodiscard]] const torch::Tensor& embedding() const { return embedding_; }
  [[nodiscard]] const torch::Tensor& last_norm() const { return norm_; }
  [[nodiscard]] const RotaryTable& rotary() const { return rotary_; }
  /// The output matrix [vocabulary, hidden].
  [[nodiscard]] const torch::Tensor& head() const { return config_.tied ? embedding_ : head_; }

 private:
  [[nodiscard]] torch::Tensor project(const torch::Tensor& x, const BlockWeights& block) const;
  template <class Attend>
  [[nodiscard]] torch::Tensor read_with(const ReadBatch& batch, const Attend& attend) const;

  ModelConfig config_;
  torch::Device device_;
  HeadLayout layout_;
  RotaryTable rotary_;
  torch::Tensor embedding_;  // [vocabulary, hidden]
  std::vector<BlockWeights> blocks_;
  torch::Tensor norm_;  // [hidden]
  torch::Tensor head_;  // [vocabulary, hidden]; undefined where tied
};

}  // namespace llama4rec::llm
