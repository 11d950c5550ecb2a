// Whole blocks of tokens that were read before, found again by what they hold and what stands before them.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "llm/engine/block_cache.h"
#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// A tree of blocks over all sequences: a node is 32 tokens behind its parent's. Nodes that nobody uses stay until memory is needed; then
/// the one that has not been used for longest goes, leaves first.
class PrefixIndex {
 public:
  using Node = std::int32_t;
  static constexpr Node kRoot = -1;
  /// The step in which a block's tokens are read, where that is not known yet.
  static constexpr std::int64_t kNotYet = std::numeric_limits<std::int64_t>::max();

  explicit PrefixIndex(BlockCache& cache) : cache_(cache) {}

  /// The node with these 32 tokens below `parent`, or kRoot.
  [[nodiscard]] Node find(Node parent, std::span<const Token> tokens) const;
  /// Adds a node with one user; the index keeps the block from now on.
  Node insert(Node parent, std::span<const Token> tokens, BlockId block);
  void use(Node node);
  void release(Node node, std::int64_t now);
  /// Takes out a node whose tokens were never read: nobody but its maker uses it, and nothing is left below it.
  void forget(Node node);

  [[nodiscard]] BlockId block(Node node) const { return at(node).block; }
  /// When the node's keys and values are in the cache: in that step's attention or later.
  [[nodiscard]] std::int64_t ready(Node node) const { return at(node).ready; }
  void set_ready(Node node, std::int64_t step) { nodes_[static_cast<std::size_t>(node)].ready = step; }

  /// Blocks that nobody uses.
  [[nodiscard]] std::int64_t unused() const { return unused_; }
  [[nodiscard]] std::int64_t evictions() const { return evictions_; }
  /// Gives back the block that was not used for longest; false where all are in use.
  bool evict();

 private:
  struct Entry {
    std::string key;
    Node parent = kRoot;
    BlockId block = 0;
    std::int32_t users = 0;
    std::int32_t children = 0;
    std::int64_t ready = kNotYet;
    std::int64_t last_use = 0;
  };

  [[nodiscard]] const Entry& at(Node node) const { return nodes_[static_cast<std::size_t>(node)]; }
  /// Gives the block back and takes the node from its parent.
  void remove(Node node);
  [[nodiscard]] static std::string key_of(Node parent, std::span<const Token> tokens);

  BlockCache& cache_;
  std::vector<Entry> nodes_;
  std::vector<Node> holes_;
  std::unordered_map<std::string, Node> by_key_;
  std::set<std::pair<std::int64_t, Node>> evictable_;  // leaves without users, by last use
  std::int64_t unused_ = 0;
  std::int64_t evictions_ = 0;
};

}  // namespace llama4rec::llm
