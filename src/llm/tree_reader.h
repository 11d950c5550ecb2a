// Reads several token trees at once and answers questions about them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/decoder_request.h"
#include "llm/token_tree.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Requests that share a tree.
struct RequestTree {
  TokenTree tree;
  std::span<PreparedRequest> requests;
};

/// Lays the requests into one tree and notes their slots and questions. `end` = the end token.
RequestTree build_tree(std::span<PreparedRequest> requests, Token end);

/// What one pass over some trees gives.
struct TreePass {
  torch::Tensor states;     ///< [trees * length, hidden], before the last norm
  std::int64_t length = 0;  ///< slots per tree, padding included
  KeyValueCache cache;      ///< by tree and slot; empty unless asked for
};

TreePass read_trees(const Transformer& model, std::span<const RequestTree> trees, bool keep_cache);

/// log P of every option of every request [tree][request][option].
std::vector<std::vector<std::vector<double>>> score_options(const Transformer& model, const TreePass& pass,
                                                            std::span<const RequestTree> trees);

}  // namespace llama4rec::llm
