// Keys and values of tokens already read, in blocks of 32 tokens under one memory budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "llm/engine/panel.h"
#include "llm/engine/precision.h"
#include "llm/model_config.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// A block: slots 32 i .. 32 i + 31 of some sequence, or of several that begin alike.
using BlockId = std::int32_t;

/// Tokens of a block: the width of a panel, for blocks are multiplied as panels.
inline constexpr std::int64_t kBlockTokens = kPanel;

/// A pool of blocks. A block holds, by layer and key/value head, the keys as a panel [dimension][32 slots] and the values as
/// panels of 32 dimensions [32 slots][32] (bfloat16: pairs side by side, tile.h; of two values the later slot's first). Slots that were never written hold zeros or
/// leftovers, always finite; nobody sees them.
class BlockCache {
 public:
  /// As many blocks as `bytes` hold, at least one. Memory is taken when it is first needed. `precision`: float32 or bfloat16.
  BlockCache(const ModelConfig& config, Precision precision, std::int64_t bytes);

  [[nodiscard]] Precision precision() const { return precision_; }
  [[nodiscard]] std::int64_t total() const { return total_; }
  /// Blocks that are not taken.
  [[nodiscard]] std::int64_t free() const { return total_ - held_; }
  [[nodiscard]] std::int64_t block_bytes() const { return elements_ * element_size(); }
  /// Most blocks that were taken at a time.
  [[nodiscard]] std::int64_t most_held() const { return most_held_; }

  /// InternalError when none is free: callers ask `free` first.
  BlockId take();
  void release(BlockId block);

  template <class Element>
  [[nodiscard]] Element* keys(BlockId block, std::int64_t layer, std::int64_t head) {
    return element<Element>(block) + (layer * heads_ + head) * (key_elements_ + value_elements_);
  }
  template <class Element>
  [[nodiscard]] Element* values(BlockId block, std::int64_t layer, std::int64_t head) {
    return keys<Element>(block, layer, head) + key_elements_;
  }

  /// Writes a token's key and value [dimension] of one layer and head.
  void write(BlockId block, std::int64_t layer, std::int64_t head, std::int64_t slot, const float* key,
             const float* value);

 private:
  [[nodiscard]] std::int64_t element_size() const { return precision_ == Precision::kFloat32 ? 4 : 2; }
  template <class Element>
  [[nodiscard]] Element* element(BlockId block) {
    return reinterpret_cast<Element*>(bases_[static_cast<std::size_t>(block) / kSlabBlocks]) +
           static_cast<std::int64_t>(static_cast<std::size_t>(block) % kSlabBlocks) * elements_;
  }

  static constexpr std::size_t kSlabBlocks = 16;

  Precision precision_;
  std::int64_t heads_;
  std::int64_t dimension_;
  std::int64_t key_elements_;
  std::int64_t value_elements_;
  std::int64_t elements_;  // of a block
  std::int64_t total_ = 0;
  std::int64_t held_ = 0;
  std::int64_t most_held_ = 0;
  std::vector<torch::Tensor> slabs_;
  std::vector<std::byte*> bases_;  // of the slabs: asked for very often
  std::vector<BlockId> free_;
};

}  // namespace llama4rec::llm
