// MixGCF (Huang et al., KDD 2021) on LightGCN: negatives synthesised by positive mixing and hop mixing.
#pragma once

#include "recommenders/direct/embedding_recommender.h"

namespace llama4rec::recommenders {

struct MixGcfOptions {
  std::int64_t layers = 3;
  std::int64_t candidates = 64;
  double dropout = 0.1;
  void declare(config::OptionVisitor& visit);
};

/// Scores as LightGCN's, trained as mixgcf_trainer.h states.
class MixGcf final : public EmbeddingRecommender {
 public:
  MixGcf(const EmbeddingSettings& settings, const MixGcfOptions& options);
  [[nodiscard]] std::string name() const override { return "mixgcf"; }

 protected:
  [[nodiscard]] std::unique_ptr<BprTrainer> make_trainer(const TrainerParts& parts) const override;

 private:
  MixGcfOptions options_;
};

}  // namespace llama4rec::recommenders
