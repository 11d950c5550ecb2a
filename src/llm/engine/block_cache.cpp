#include "llm/engine/block_cache.h"

#include <algorithm>
#include <cstring>

#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

std::int64_t up_to_even(std::int64_t n) { return (n + 1) / 2 * 2; }
std::int64_t panels_of(std::int64_t n) { return (n + kPanel - 1) / kPanel; }

/// One half (0 or 1) of each of up to 32 pairs, whole pairs at a time; the other halves stay.
void put_halves(const float* from, std::int64_t count, Bfloat16Bits* to, std::int64_t half) {
  std::uint32_t pairs[kPanel];
  std::memcpy(pairs, to, sizeof(pairs));
  const auto shift = static_cast<std::uint32_t>(16 * half);
  const auto kept = 0xFFFF0000U >> shift;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    pairs[i] = (pairs[i] & kept) | static_cast<std::uint32_t>(narrow(from[i])) << shift;
  }
  std::memcpy(to, pairs, sizeof(pairs));
}

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
    bases_.push_back(static_cast<std::byte*>(slabs_.back().data_ptr()));
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
  for (std::int64_t i = 0; i + 1 < dimension_; i += 2) {
    const std::uint32_t pair = narrow(key[i]) | static_cast<std::uint32_t>(narrow(key[i + 1])) << 16U;
    std::memcpy(keys_to + i * kBlockTokens, &pair, sizeof(pair));
  }
  if (dimension_ % 2 != 0) keys_to[(dimension_ - 1) * kBlockTokens] = narrow(key[dimension_ - 1]);
  // The second half of a pair is added first (tile.h): the earlier slot goes there.
  auto* values_to = values<Bfloat16Bits>(block, layer, head) + slot / 2 * 2 * kPanel;
  const auto place = 1 - slot % 2;
  for (std::int64_t column = 0; column < dimension_; column += kPanel) {
    put_halves(value + column, std::min(kPanel, dimension_ - column), values_to + column * kBlockTokens, place);
  }
}

}  // namespace llama4rec::llm
