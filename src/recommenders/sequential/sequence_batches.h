// Histories cut into training sequences, and these into batches of similar length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

#include "tensor/torch.h"

namespace llama4rec::recommenders {

using Sequence = std::vector<ItemIndex>;

/// Sequences of 2 to `length` items, oldest first. "last": the end of each history. "all": the end, the piece before it, and so on;
/// neighbours share one item, so that every item but the first of a history has its predecessor in exactly one window. A history of one item has none.
std::vector<Sequence> training_windows(const std::vector<std::vector<ItemIndex>>& histories, std::int64_t length,
                                       const std::string& windows);

/// The order of an epoch: places of the sequences by batch. Sequences of similar length come together (among equal ones by lot), the batches in
/// random order; a function of seed and epoch.
std::vector<std::vector<std::size_t>> plan_sequence_batches(std::span<const Sequence> sequences,
                                                            std::int64_t batch_size, std::uint64_t seed,
                                                            std::int64_t epoch);

/// Sequences side by side, right-aligned as their positions are: the last item of each stands in the last column.
struct SequenceBatch {
  torch::Tensor items;    ///< [batch, length] int64; `padding` before the first item
  torch::Tensor present;  ///< [batch, length] bool
};
/// The length is that of the longest sequence, and at least `length`.
SequenceBatch make_sequence_batch(std::span<const Sequence> sequences, std::int64_t padding, std::int64_t length = 1);

}  // namespace llama4rec::recommenders
