// AFM: the products of all pairs of fields, weighted by attention.
#pragma once

#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

/// Xiao et al., Attentional Factorization Machines, IJCAI 2017, eq. 3-5: with v = e_i * e_j (elementwise) over the pairs i < j,
///   a = softmax over the pairs of h . relu(W v + b),  output = p . dropout(sum of a v).
/// Parameters attention.weight [units, dimension], attention.bias [units], attention.score [units] (h), attention.output [dimension] (p).
class AttentionPooling final : public Interaction {
 public:
  AttentionPooling(const ModelShape& shape, std::int64_t units, double dropout, double initial_deviation,
                   ParameterLayout& layout);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  ModelShape shape_;
  std::int64_t units_;
  std::int64_t pairs_;
  double dropout_;
  std::int64_t weight_ = 0;
  std::int64_t bias_ = 0;
  std::int64_t score_ = 0;
  std::int64_t output_ = 0;
  std::vector<float> attention_;  ///< a, [width / 16, pairs, 16]
  std::vector<float> pooled_;     ///< sum of a v, [dimension, width]
  std::vector<float> factors_;    ///< the dropout's, [dimension, width]
};

}  // namespace llama4rec::recommenders
