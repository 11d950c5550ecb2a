// SGL (Wu et al., Self-supervised Graph Learning for Recommendation, SIGIR 2021): LightGCN with a contrastive term.
#pragma once

#include <string>

#include "recommenders/direct/embedding_recommender.h"

namespace llama4rec::recommenders {

struct SglOptions {
  std::int64_t layers = 2;
  std::string view = "edge_drop";
  double drop_rate = 0.1;
  double weight = 0.1;
  double temperature = 0.2;
  std::string contrast = "separate";
  void declare(config::OptionVisitor& visit);
};

/// Scores as LightGCN's over the whole graph, trained as sgl_trainer.h states.
class Sgl final : public EmbeddingRecommender {
 public:
  Sgl(const EmbeddingSettings& settings, SglOptions options);
  [[nodiscard]] std::string name() const override { return "sgl"; }

 protected:
  [[nodiscard]] std::unique_ptr<BprTrainer> make_trainer(const TrainerParts& parts) const override;

 private:
  SglOptions options_;
};

}  // namespace llama4rec::recommenders
