#include "llm/engine/prefix_index.h"

namespace llama4rec::llm {

std::string PrefixIndex::key_of(Node parent, std::span<const Token> tokens) {
  std::string key(reinterpret_cast<const char*>(&parent), sizeof(parent));
  key.append(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  return key;
}

PrefixIndex::Node PrefixIndex::find(Node parent, std::span<const Token> tokens) const {
  const auto found = by_key_.find(key_of(parent, tokens));
  return found == by_key_.end() ? kRoot : found->second;
}

PrefixIndex::Node PrefixIndex::insert(Node parent, std::span<const Token> tokens, BlockId block) {
  Node node = static_cast<Node>(nodes_.size());
  if (holes_.empty()) {
    nodes_.emplace_back();
  } else {
    node = holes_.back();
    holes_.pop_back();
  }
  nodes_[static_cast<std::size_t>(node)] = {
      .key = key_of(parent, tokens), .parent = parent, .block = block, .users = 1};
  by_key_.emplace(at(node).key, node);
  if (parent != kRoot) ++nodes_[static_cast<std::size_t>(parent)].children;
  return node;
}

void PrefixIndex::use(Node node) {
  auto& entry = nodes_[static_cast<std::size_t>(node)];
  if (entry.users++ > 0) return;
  --unused_;
  evictable_.erase({entry.last_use, node});
}

void PrefixIndex::release(Node node, std::int64_t now) {
  auto& entry = nodes_[static_cast<std::size_t>(node)];
  entry.last_use = now;
  if (--entry.users > 0) return;
  ++unused_;
  if (entry.children == 0) evictable_.emplace(now, node);
}

void PrefixIndex::forget(Node node) { remove(node); }

bool PrefixIndex::evict() {
  if (evictable_.empty()) return false;
  const Node node = evictable_.begin()->second;
  evictable_.erase(evictable_.begin());
  remove(node);
  --unused_;
  ++evictions_;
  return true;
}

void PrefixIndex::remove(Node node) {
  auto& entry = nodes_[static_cast<std::size_t>(node)];
  by_key_.erase(entry.key);
  cache_.release(entry.block);
  if (entry.parent != kRoot) {
    auto& parent = nodes_[static_cast<std::size_t>(entry.parent)];
    if (--parent.children == 0 && parent.users == 0) evictable_.emplace(parent.last_use, entry.parent);
  }
  entry = {};
  holes_.push_back(node);
}

}  // namespace llama4rec::llm
