// Attention of packed queries over blocks of keys and values.
#pragma once

#include <cstdint>
#include <span>

#include "llm/attention.h"
#include "llm/engine/block_cache.h"

namespace llama4rec::llm {

/// The slots of one sequence that queries look at. A query in slot s sees slot j when j <= s, and, for slots from `first_tree_slot` on,
/// s < ends[j - first_tree_slot]: with the tree's tokens in depth-first order, "all before the tree, its ancestors and itself".
struct BlockView {
  std::span<const BlockId> blocks;
  std::int64_t first_tree_slot = 0;
  std::span<const std::int32_t> ends;  ///< empty: a plain sequence
};

/// Queries of one sequence.
struct BlockQueries {
  BlockView view;
  std::span<const std::int32_t> slots;  ///< by query, ascending
  std::int64_t first_row = 0;           ///< of the packed matrices; the queries' rows follow each other
};

/// queries [rows, query size], rotated -> out [rows, query size], for one layer. Every query sees its own slot. Shares the threads
/// unless it is called from one of several. Each query's result depends on nothing but its own keys and values.
void block_attention(std::span<const BlockQueries> sequences, const float* queries, float* out, BlockCache& cache,
                     std::int64_t layer, const HeadLayout& layout);

}  // namespace llama4rec::llm
