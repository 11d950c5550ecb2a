// Low-rank adapters beside the matrices of a transformer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/lora/adapter_targets.h"
#include "llm/lora/lora_options.h"
#include "llm/model_config.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

class Transformer;

/// Rows and columns of a target's matrix.
std::pair<std::int64_t, std::int64_t> target_shape(const ModelConfig& config, AdapterTarget target);

/// The targets that an option names. UsageError lists what there is.
std::vector<AdapterTarget> parse_adapter_targets(const std::string& text);

/// The two factors of a change of a matrix [out, in].
struct LowRankFactors {
  torch::Tensor a;  ///< [rank, in]
  torch::Tensor b;  ///< [out, rank]
};

/// Adapters of all blocks. A is uniform within +-1 / sqrt(in), B zero: at first nothing changes.
class LoraAdapters {
 public:
  LoraAdapters(const ModelConfig& config, const LoraOptions& options, std::uint64_t seed, const torch::Device& device);

  [[nodiscard]] const LoraOptions& options() const { return options_; }
  [[nodiscard]] const std::vector<AdapterTarget>& targets() const { return targets_; }
  [[nodiscard]] std::size_t layers() const { return blocks_.size(); }
  /// Nothing where the target has none.
  [[nodiscard]] const LowRankFactors* find(std::size_t layer, AdapterTarget target) const;
  /// All factors, by names like "blocks.0.self_attn.q_proj.lora_A".
  [[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> parameters() const;

  /// product [rows, out], where the columns belong to `targets` side by side, plus the adapters' part for the input x [rows, in]; in
  /// autograd. `dropout_seed` decides the masks; none: no dropout.
  [[nodiscard]] torch::Tensor added(const torch::Tensor& product, const torch::Tensor& x, std::size_t layer,
                                    std::initializer_list<AdapterTarget> targets,
                                    std::optional<std::uint64_t> dropout_seed) const;

  /// W += alpha / rank * B A, in place.
  void merge_into(const Transformer& model) const;

 private:
  using Block = std::array<std::optional<LowRankFactors>, kAdapterTargets.size()>;

  ModelConfig config_;
  LoraOptions options_;
  double scale_;
  std::vector<AdapterTarget> targets_;
  std::vector<Block> blocks_;
};

}  // namespace llama4rec::llm
