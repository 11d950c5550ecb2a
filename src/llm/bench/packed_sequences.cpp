#include "llm/bench/packed_sequences.h"

#include <algorithm>

namespace llama4rec::llm {

PackedSequences::PackedSequences(const PackedModel& model, BlockCache& cache, std::int64_t count, std::int64_t length,
                                 std::int64_t room)
    : model_(model), cache_(cache), blocks_(static_cast<std::size_t>(count)), length_(length) {
  for (auto& blocks : blocks_) {
    for (std::int64_t i = 0; i < (length + room + kBlockTokens - 1) / kBlockTokens; ++i) blocks.push_back(cache.take());
  }
}

PackedSequences::~PackedSequences() {
  for (const auto& blocks : blocks_) {
    for (const auto block : blocks) cache_.release(block);
  }
}

PackedStates PackedSequences::read_prompts() const {
  std::vector<PackedTokens> packed;
  for (const auto& blocks : blocks_) {
    auto& part = packed.emplace_back();
    for (std::int64_t i = 0; i < length_; ++i) {
      part.tokens.push_back(static_cast<Token>((i * 7919) % model_.config().vocabulary));
      part.positions.push_back(static_cast<std::int32_t>(i));
    }
    part.blocks = blocks;
    part.asked = {static_cast<std::int32_t>(length_ - 1)};
  }
  return model_.read(packed, cache_);
}

void PackedSequences::decode(std::int64_t steps) {
  const auto vocabulary = model_.config().vocabulary;
  std::vector<float> logits(blocks_.size() * static_cast<std::size_t>(vocabulary));
  std::vector<Token> last(blocks_.size(), 5);
  for (std::int64_t step = 0; step < steps; ++step) {
    std::vector<PackedTokens> packed;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const auto slot = static_cast<std::int32_t>(length_ + step);
      packed.push_back({.tokens = {last[i]},
                        .positions = {slot},
                        .first_slot = slot,
                        .ends = {},
                        .blocks = blocks_[i],
                        .asked = {0}});
    }
    const auto states = model_.read(packed, cache_);
    model_.logits(states.values.data(), states.count, logits.data());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const float* row = logits.data() + i * static_cast<std::size_t>(vocabulary);
      last[i] = static_cast<Token>(std::max_element(row, row + vocabulary) - row);
    }
  }
}

}  // namespace llama4rec::llm
