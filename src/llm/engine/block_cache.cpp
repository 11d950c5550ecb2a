#include "llm/engine/block_cache.h"

#include <algorithm>

#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

std::int64_t up_to_even(std::int64_t n) { return (n + 1) / 2 * 2; }
std::int64_t panels_of(std::int64_t n) { return (n + kPanel - 1) / kPanel; }

}  // namespace

BlockCache::BlockCache(const ModelConfig& config, Precision precision, std::int64_t bytes)
    : precision_(precision),
      heads_(config.key_value_heads),
      dimension_(config.head_dimension()),
      key_elements_(up_to_even(dimension_) * kBlockTokens),
      value_elements_(panels_of(dimension_) * kPanel * kBlockTokens),
      elements_(config.layers * heads_ * (key_elements_ + value_elements_)) {
  total_ = std::clamp<std::int64_t>(bytes / block_bytes(), 1, std::int64_t{1} << 30U);
}

BlockId BlockCache::take() {
  if (free_.empty()) {
    const auto first = slabs_.size() * kSlabBlocks;
    if (static_cast<std::int64_t>(first) >= total_) throw InternalError("the key/value cache has no free block");
    const auto count = std::min(kSlabBlocks, static_cast<std::size_t>(total_) - first);
    const auto type = precision_ == Precision::kFloat32 ? torch::kFloat32 : torch::kBFloat16;
    // Zeros: a product of the probability 0 and what was never written must be 0.
    slabs_.push_back(torch::zeros({static_cast<std::int64_t>(count) * elements_}, torch::TensorOptions().dtype(type)));
    for (auto i = count; i > 0; --i) free_.push_back(static_cast<BlockId>(first + i - 1));
  }
  const BlockId block = free_.back();
  free_.pop_back();
  most_held_ = std::max(most_held_, ++held_);
  return block;
}

void BlockCache::release(BlockId block) {
  free_.push_back(block);
  --held_;
}

void BlockCache::write(BlockId block, std::int64_t layer, std::int64_t head, std::int64_t slot, const float* key,
                       const float* value) {
  if (precision_ == Precision::kFloat32) {
    float* keys_to = keys<float>(block, layer, head) + slot;
    float* values_to = values<float>(block, layer, head) + slot * kPanel;
    for (std::int64_t i = 0; i < dimension_; ++i) keys_to[i * kBlockTokens] = key[i];
    for (std::int64_t i = 0; i < dimension_; ++i) {
      values_to[i / kPanel * kPanel * kBlockTokens + i % kPanel] = value[i];
    }
    return;
  }
  auto* keys_to = keys<Bfloat16Bits>(block, layer, head) + slot * 2;
  // The second half of a pair is added first (tile.h): the earlier slot goes there.
  auto* values_to = values<Bfloat16Bits>(block, layer, head) + slot / 2 * 2 * kPanel + (1 - slot % 2);
  for (std::int64_t i = 0; i < dimension_; ++i) keys_to[i / 2 * 2 * kBlockTokens + i % 2] = narrow(key[i]);
  for (std::int64_t i = 0; i < dimension_; ++i) {
    values_to[i / kPanel * kPanel * kBlockTokens + i % kPanel * 2] = narrow(value[i]);
  }
}

}  // namespace llama4rec::llm
