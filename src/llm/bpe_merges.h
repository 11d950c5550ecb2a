// Byte-pair encoding by ranked merges, as a tokenizer.json lists them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// Two neighbours that may become one token.
struct Merge {
  Token left = 0;
  Token right = 0;
  Token merged = 0;
};

/// The merges by rank. A flat table with open addressing: the look-up is all that encoding does.
class BpeMerges {
 public:
  /// In the order of their ranks; of two merges of the same pair the first counts.
  explicit BpeMerges(std::span<const Merge> ranked);

  /// Merges the best-ranked neighbours, the leftmost first, until none are left. O(n log n).
  void apply(std::vector<Token>& tokens) const;

 private:
  struct Slot {
    std::uint64_t pair = kEmpty;
    std::int32_t rank = 0;
    Token merged = 0;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: tokens are not negative
  [[nodiscard]] std::size_t place_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;
  int shift_ = 0;
};

}  // namespace llama4rec::llm
