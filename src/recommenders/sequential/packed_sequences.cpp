#include "recommenders/sequential/packed_sequences.h"

#include <algorithm>

namespace llama4rec::recommenders {

void SequencePack::clear() {
  sequences.clear();
  items.clear();
  columns.clear();
  rows.clear();
  asked.clear();
}

void SequencePack::add(const Sequence& sequence, std::int64_t row, std::span<const std::int64_t> positions) {
  const auto length = static_cast<std::int64_t>(sequence.size());
  sequences.push_back({.first = tokens(),
                       .length = length,
                       .first_asked = states(),
                       .asked = static_cast<std::int64_t>(positions.size()),
                       .row = row});
  for (const auto position : positions) asked.push_back(static_cast<std::int32_t>(tokens() + position));
  for (std::int64_t position = 0; position < length; ++position) {
    columns.push_back(static_cast<std::int32_t>(width - length + position));
    rows.push_back(static_cast<std::int32_t>(row));
  }
  items.insert(items.end(), sequence.begin(), sequence.end());
}

std::int64_t longest(std::span<const Sequence> sequences) {
  std::size_t length = 1;
  for (const auto& sequence : sequences) length = std::max(length, sequence.size());
  return static_cast<std::int64_t>(length);
}

}  // namespace llama4rec::recommenders
