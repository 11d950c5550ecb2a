#include "llm/key_value_cache.h"

namespace llama4rec::llm {

KeyValueCache::KeyValueCache(const ModelConfig& config, std::int64_t rows, std::int64_t capacity,
                             const torch::Device& device) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(device);
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    // Zero, not empty: an unseen NaN times the probability 0 would be NaN.
    keys.push_back(torch::zeros({rows, capacity, config.key_value_size()}, options));
    values.push_back(torch::zeros({rows, capacity, config.key_value_size()}, options));
  }
}

void KeyValueCache::copy_path(std::int64_t row, const KeyValueCache& from, std::int64_t source_row,
                              const std::vector<std::int64_t>& slots) {
  const auto count = static_cast<std::int64_t>(slots.size());
  const auto index = torch::tensor(slots, torch::kInt64).to(keys.front().device());
  for (std::size_t layer = 0; layer < keys.size(); ++layer) {
    keys[layer].select(0, row).narrow(0, 0, count).copy_(from.keys[layer].select(0, source_row).index_select(0, index));
    values[layer]
        .select(0, row)
        .narrow(0, 0, count)
        .copy_(from.values[layer].select(0, source_row).index_select(0, index));
  }
}

}  // namespace llama4rec::llm
