// AutoInt's interacting layers: multi-head self-attention over the fields.
#pragma once

#include "recommenders/rating/batch_lanes.h"
#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

struct FieldAttentionOptions {
  std::int64_t layers = 3;
  std::int64_t heads = 2;
  std::int64_t head_dimension = 2;
  bool scaled = false;  ///< products of queries and keys over the root of the head's dimension
  double initial_deviation = 0;
};

/// Song et al., AutoInt, CIKM 2019, eq. 5-8: with x the fields' vectors, for each head and field
///   a_ij = softmax over j of (W_q x_i) . (W_k x_j),  y_i = relu(concatenated sums over j of a_ij W_v x_j + W_r x_i);
/// the output is linear in the last layer's fields side by side. Parameters attention.{query,key,value,residual}.N
/// [heads * head_dimension, inputs] and attention.output [fields * heads * head_dimension].
class FieldAttention final : public Interaction {
 public:
  FieldAttention(const ModelShape& shape, const FieldAttentionOptions& options, ParameterLayout& layout);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  enum Role : std::size_t { kQuery, kKey, kValue, kResidual, kRoles };
  struct Layer {
    std::int64_t inputs = 0;            ///< of a field
    std::int64_t weights[kRoles] = {};  ///< offsets in the flat buffer
    std::vector<Lane> projected;        ///< [blocks, roles, fields, outputs]; after the forward pass the residual is y
    std::vector<Lane> attention;        ///< [blocks, heads, fields, fields]
  };
  void project(const Slice& slice, const Layer& layer, const Lane* input, Lane* projected) const;
  void attend(Lane* projected, Lane* attention) const;
  void attend_gradient(const Lane* projected, const Lane* attention, const Lane* output_gradient);
  void project_gradient(const Slice& slice, const Layer& layer, std::size_t number, const Lane* input,
                        Lane* input_gradient);
  [[nodiscard]] std::size_t projected_size() const { return kRoles * fields_ * outputs_; }
  [[nodiscard]] std::size_t attention_size() const { return heads_ * fields_ * fields_; }

  std::size_t fields_;
  std::size_t dimension_;
  std::size_t heads_;
  std::size_t head_dimension_;
  std::size_t outputs_;  ///< heads * head_dimension
  float scale_;
  std::vector<Layer> layers_;
  std::int64_t output_ = 0;
  std::vector<Lane> block_;                     ///< the embeddings of sixteen samples, [fields, dimension]
  std::vector<Lane> projected_gradient_;        ///< [roles, fields, outputs]
  std::vector<Lane> gradients_[2];              ///< with respect to a layer's output and input
  std::vector<Lane> scores_;                    ///< [fields]
  std::vector<std::vector<Lane>> weight_sums_;  ///< by layer, [roles, outputs, inputs]
  std::vector<Lane> output_sums_;
};

}  // namespace llama4rec::recommenders
