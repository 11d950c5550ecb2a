// LightGCN (He et al., SIGIR 2020): embeddings propagated over the normalised user-item graph.
#pragma once

#include "recommenders/direct/embedding_recommender.h"

namespace llama4rec::recommenders {

struct LightGcnOptions {
  std::int64_t layers = 2;
  void declare(config::OptionVisitor& visit);
};

/// Score of (u, i): the product of their propagated embeddings, the mean over the layers (equations 3, 4 and 8), trained as
/// bpr_trainer.h states.
class LightGcn final : public EmbeddingRecommender {
 public:
  LightGcn(const EmbeddingSettings& settings, const LightGcnOptions& options);
  [[nodiscard]] std::string name() const override { return "lightgcn"; }
};

}  // namespace llama4rec::recommenders
