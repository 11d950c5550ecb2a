// Attention within packed sequences, forward and backward, one sequence and head at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recommenders/panel_product.h"
#include "recommenders/sequential/packed_sequences.h"
#include "tensor/dropout.h"

namespace llama4rec::recommenders {

/// Which tokens of a pack ask: all of them, or the asked ones alone.
struct AttentionQueries {
  std::span<const std::int32_t> tokens;
  bool all = true;
  [[nodiscard]] std::int64_t first(const PackedSequence& sequence) const {
    return all ? sequence.first : sequence.first_asked;
  }
  [[nodiscard]] std::int64_t count(const PackedSequence& sequence) const {
    return all ? sequence.length : sequence.asked;
  }
};

/// What an attention reads in both directions.
struct AttentionInput {
  const SequencePack& pack;
  AttentionQueries queries;
  std::int64_t dimension = 0;
  std::int64_t heads = 1;
  const float* joint = nullptr;              ///< queries, keys, values [tokens, 3 * dimension]
  const tensor::Dropout* dropout = nullptr;  ///< of the shares; null: none
};

/// Buffers that are kept between calls; one per thread.
class FastAttention {
 public:
  /// Values shared by the softmax of query . key / sqrt(dimension / heads) over the keys in sight: `to` [queries, dimension]. `shares` keeps the
  /// softmax for the backward pass.
  void forward(const AttentionInput& input, std::vector<float>& shares, float* to);
  /// From the slopes of `to`, [queries, dimension], those of `joint`, [tokens, 3 * dimension], which they replace.
  void backward(const AttentionInput& input, const std::vector<float>& shares, const float* slopes,
                float* joint_slopes);

 private:
  struct Head;
  const float* gather_queries(const AttentionInput& input, const Head& head);
  const float* dropped(const AttentionInput& input, const Head& head, const float* shares);

  Panels panels_;
  std::vector<float> queries_;  ///< of a head, [queries, dimension / heads]
  std::vector<float> factors_;  ///< of dropout, [queries, length]
  std::vector<float> dropped_;  ///< [queries, length]
  std::vector<float> slopes_;   ///< of the scores, [queries, length]
  std::vector<float> query_slopes_;
};

}  // namespace llama4rec::recommenders
