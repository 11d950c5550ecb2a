// Sequences of a batch one behind the other, without padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recommenders/sequential/sequence_lesson.h"

namespace llama4rec::recommenders {

/// One sequence of a pack.
struct PackedSequence {
  std::int64_t first = 0;        ///< its first token
  std::int64_t length = 0;       ///< tokens
  std::int64_t first_asked = 0;  ///< its first asked token, a place in `SequencePack::asked`
  std::int64_t asked = 0;        ///< asked tokens
  std::int64_t row = 0;          ///< of the batch
};

/// Some sequences of a batch. Every token has a place in the batch's padded form [rows, width], right-aligned: dropout goes by it.
struct SequencePack {
  Sight sight = Sight::kPast;
  std::int64_t width = 0;  ///< longest sequence of the whole batch
  std::vector<PackedSequence> sequences;
  std::vector<std::int32_t> items;    ///< [tokens]
  std::vector<std::int32_t> columns;  ///< [tokens], 0 <= column < width
  std::vector<std::int32_t> rows;     ///< [tokens], of the batch
  std::vector<std::int32_t> asked;    ///< tokens whose last states are asked for, ascending

  [[nodiscard]] std::int64_t tokens() const { return static_cast<std::int64_t>(items.size()); }
  [[nodiscard]] std::int64_t states() const { return static_cast<std::int64_t>(asked.size()); }
  void clear();
  /// Appends a sequence with the positions that are asked for, ascending.
  void add(const Sequence& sequence, std::int64_t row, std::span<const std::int64_t> positions);
};

/// Longest of some sequences, at least 1.
std::int64_t longest(std::span<const Sequence> sequences);

}  // namespace llama4rec::recommenders
