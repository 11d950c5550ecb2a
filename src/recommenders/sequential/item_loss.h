// Losses of states against items, with explicit gradients.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recommenders/panel_product.h"
#include "recommenders/sequential/sequence_lesson.h"

namespace llama4rec::recommenders {

/// The items' embeddings [items, dimension] of one step, made ready for products; read by all threads.
struct ItemTable {
  const float* values = nullptr;
  std::int64_t items = 0;
  std::int64_t dimension = 0;
  Panels forward;   ///< [dimension, items]
  Panels backward;  ///< [items, dimension]
  /// `products`: whether the softmax over all items will be asked for.
  void prepare(const float* table, std::int64_t count, std::int64_t columns, bool products);
};

/// Buffers that are kept between calls; one per thread.
class ItemLoss {
 public:
  /// `weight` times the sum over the states of -ln softmax(states . items)[target]. Replaces `slopes`, [states, dimension], by the gradient
  /// of the states and adds that of the items to `item_slopes`, [items, dimension]. Logits are held for a few states at a time.
  double softmax(const ItemTable& table, const float* states, std::span<const SequenceTarget> targets, float weight,
                 float* slopes, float* item_slopes);
  /// Likewise for -ln sigmoid(state . item) - ln sigmoid(-state . other).
  static double negatives(const ItemTable& table, const float* states, std::span<const SequenceTarget> targets,
                          float weight, float* slopes, float* item_slopes);

 private:
  std::vector<float> logits_;
  Panels panels_;
};

}  // namespace llama4rec::recommenders
