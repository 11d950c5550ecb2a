// Sequences that are read and continued by the packed model itself, without requests and grammars around it.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/engine/block_cache.h"
#include "llm/engine/packed_model.h"

namespace llama4rec::llm {

/// Sequences of equal length with blocks of their own, given back at the end. Model and cache must outlive them.
class PackedSequences {
 public:
  /// Room for `length` tokens of prompt and `room` more in each of `count` sequences.
  PackedSequences(const PackedModel& model, BlockCache& cache, std::int64_t count, std::int64_t length,
                  std::int64_t room);
  ~PackedSequences();
  PackedSequences(const PackedSequences&) = delete;
  PackedSequences& operator=(const PackedSequences&) = delete;
  PackedSequences(PackedSequences&&) = delete;
  PackedSequences& operator=(PackedSequences&&) = delete;

  /// Reads all prompts in one step. -> the states of their last tokens
  PackedStates read_prompts() const;
  /// Writes `steps` tokens behind each prompt, always the likeliest; from the prompts' end every time.
  void decode(std::int64_t steps);

 private:
  const PackedModel& model_;
  BlockCache& cache_;
  std::vector<std::vector<BlockId>> blocks_;
  std::int64_t length_;
};

}  // namespace llama4rec::llm
