// Sums over all pairs of fields in linear time (Rendle, Factorization Machines, ICDM 2010, lemma 3.1).
#pragma once

#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

/// pooled[k] = sum over i < j of e_i[k] e_j[k] = ((sum_i e_i[k])^2 - sum_i e_i[k]^2) / 2, and sums[k] = sum_i e_i[k]; both
/// [dimension, width].
void pool_pairs(const ModelShape& shape, const Slice& slice, float* sums, float* pooled);

/// Adds to the slice's embedding gradient what `pooled_gradient`, [dimension, width], gives through `pool_pairs`. Null
/// stands for the slice's slopes in every row.
void add_pool_gradient(const ModelShape& shape, const Slice& slice, const float* sums, const float* pooled_gradient);

/// The same in libtorch: [batch, fields, dimension] to [batch, dimension].
torch::Tensor plain_pool_pairs(const torch::Tensor& embeddings);

/// FM's second-order term: the sum of e_i . e_j over all pairs of fields. No parameters.
class FactorizationMachine final : public Interaction {
 public:
  explicit FactorizationMachine(const ModelShape& shape);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  ModelShape shape_;
  std::vector<float> sums_;
  std::vector<float> pooled_;
};

}  // namespace llama4rec::recommenders
