// Matrix factorisation with Bayesian personalised ranking (Rendle et al., UAI 2009).
#pragma once

#include "recommenders/direct/embedding_recommender.h"

namespace llama4rec::recommenders {

/// Score of (u, i): the product of their embeddings, trained as bpr_trainer.h states.
class MatrixFactorization final : public EmbeddingRecommender {
 public:
  explicit MatrixFactorization(const EmbeddingSettings& settings);
  [[nodiscard]] std::string name() const override { return "mf"; }
};

}  // namespace llama4rec::recommenders
