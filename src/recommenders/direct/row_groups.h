// The samples of a batch by the embedding row that they touch, so that gradients are summed without races and in one order.
#pragma once

#include <cstdint>
#include <vector>

#include "recommenders/direct/bpr_sampler.h"

namespace llama4rec::recommenders {

/// What a row is in a sample.
enum class SampleRole : std::uint32_t { kUser = 0, kPreferred = 1, kOther = 2 };

/// A sample and a role in one number.
struct SampleEntry {
  std::uint32_t code = 0;
  [[nodiscard]] std::size_t sample() const { return code >> 2U; }
  [[nodiscard]] SampleRole role() const { return static_cast<SampleRole>(code & 3U); }
};

/// Rows that a batch touches, in order of first touch; the entries of rows[n] are entries[offsets[n] .. offsets[n + 1]), in
/// the order of the samples.
struct RowGroups {
  std::vector<std::int32_t> rows;
  std::vector<std::int32_t> offsets;
  std::vector<SampleEntry> entries;
};

/// Groups a batch of at most 2^28 samples; item rows come after `users` user rows. `slots` is scratch of one element per row, all -1, and
/// is left that way.
void group_rows(const BprSamples& batch, std::int64_t users, std::vector<std::int32_t>& slots, RowGroups& groups);

}  // namespace llama4rec::recommenders
