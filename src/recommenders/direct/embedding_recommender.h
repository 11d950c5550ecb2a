// Recommenders that score by the product of a user's and an item's embedding and learn from pairwise preferences.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "recommenders/direct/bpr_trainer.h"
#include "recommenders/top_k_base.h"
#include "recommenders/train_options.h"

namespace llama4rec::recommenders {

/// How such a model is trained.
struct EmbeddingSettings {
  TrainOptions train;
  PairOptions pairs;
  std::int64_t layers = 0;     ///< of propagation
  std::string device = "cpu";  ///< anything but "cpu" selects the plain kernels
  std::uint64_t seed = 1;
  const tensor::World* world = nullptr;  ///< the processes that train together; null: this one alone

  [[nodiscard]] EmbeddingSettings with_layers(std::int64_t count) const {
    auto settings = *this;
    settings.layers = count;
    return settings;
  }
};

/// Keeps the final embeddings, and the initial ones that they come from where the graph makes a difference: what remains of the model
/// when training is over, in memory and in its file.
class EmbeddingRecommender : public TopKBase {
 public:
  explicit EmbeddingRecommender(EmbeddingSettings settings) : settings_(std::move(settings)) {}

  FitSummary fit(const TopKTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex> users,
                                    std::span<const std::vector<ItemIndex>> histories) const override;
  /// The users' final embeddings; zeros for a user that training did not see.
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                              std::span<const std::vector<ItemIndex>> histories) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

 protected:
  /// What a trainer is made of; all of it outlives the trainer.
  struct TrainerParts {
    const TopKTrainingData& data;
    const BprSampler& sampler;
    const BprSettings& shape;
    std::span<const float> initial;  ///< [nodes, dimension]
    bool fast = true;                ///< own kernels, or libtorch's operators on `settings().device`
  };
  [[nodiscard]] virtual std::unique_ptr<BprTrainer> make_trainer(const TrainerParts& parts) const;
  [[nodiscard]] const EmbeddingSettings& settings() const { return settings_; }

 private:
  /// The parameters of kContinued, [nodes, dimension].
  [[nodiscard]] std::vector<float> continued(const BprSettings& shape) const;

  EmbeddingSettings settings_;
  torch::Tensor user_table_;     ///< f of the users, [users, dimension]
  torch::Tensor item_table_;     ///< f of the items, [items, dimension]
  torch::Tensor initial_table_;  ///< e, [nodes, dimension]; undefined without layers
};

}  // namespace llama4rec::recommenders
