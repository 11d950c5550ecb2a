// Keys and values of tokens already read, by sequence and slot.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/model_config.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// Rows are sequences; slot i of a row holds the (rotated) key and the value of its i-th token. Slots behind a row's length are
/// zero or leftovers that no query sees, and are overwritten when the row grows.
struct KeyValueCache {
  std::vector<torch::Tensor> keys;    ///< by layer, [rows, capacity, key/value size]
  std::vector<torch::Tensor> values;  ///< by layer, the same shape

  KeyValueCache() = default;
  KeyValueCache(const ModelConfig& config, std::int64_t rows, std::int64_t capacity, const torch::Device& device);

  [[nodiscard]] std::int64_t rows() const { return keys.empty() ? 0 : keys.front().size(0); }
  [[nodiscard]] std::int64_t capacity() const { return keys.empty() ? 0 : keys.front().size(1); }

  /// Row r, slot i of this cache becomes slot `slots[i]` of row `source_row` of `from`.
  void copy_path(std::int64_t row, const KeyValueCache& from, std::int64_t source_row,
                 const std::vector<std::int64_t>& slots);
};

}  // namespace llama4rec::llm
