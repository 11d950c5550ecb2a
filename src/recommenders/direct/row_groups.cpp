#include "recommenders/direct/row_groups.h"

namespace llama4rec::recommenders {
namespace {

template <class Visit>
void for_each_touch(const BprSamples& batch, std::int64_t users, const Visit& visit) {
  for (std::size_t sample = 0; sample < batch.size(); ++sample) {
    visit(sample, SampleRole::kUser, static_cast<std::size_t>(batch.users[sample]));
    visit(sample, SampleRole::kPreferred, static_cast<std::size_t>(users + batch.preferred[sample]));
    visit(sample, SampleRole::kOther, static_cast<std::size_t>(users + batch.others[sample]));
  }
}

}  // namespace

void group_rows(const BprSamples& batch, std::int64_t users, std::vector<std::int32_t>& slots, RowGroups& groups) {
  groups.rows.clear();
  groups.offsets.clear();
  for_each_touch(batch, users, [&](std::size_t /*sample*/, SampleRole /*role*/, std::size_t row) {
    if (slots[row] < 0) {
      slots[row] = static_cast<std::int32_t>(groups.rows.size());
      groups.rows.push_back(static_cast<std::int32_t>(row));
      groups.offsets.push_back(0);
    }
    ++groups.offsets[static_cast<std::size_t>(slots[row])];
  });
  // Counts become the ends of the groups; filling backwards turns ends into beginnings and keeps the samples' order.
  std::int32_t end = 0;
  for (std::int32_t& count : groups.offsets) count = end += count;
  groups.offsets.push_back(end);
  groups.entries.resize(static_cast<std::size_t>(end));
  for (std::size_t sample = batch.size(); sample-- > 0;) {
    const auto put = [&](SampleRole role, std::size_t row) {
      const auto place = static_cast<std::size_t>(--groups.offsets[static_cast<std::size_t>(slots[row])]);
      groups.entries[place].code = static_cast<std::uint32_t>(sample << 2U) | static_cast<std::uint32_t>(role);
    };
    put(SampleRole::kOther, static_cast<std::size_t>(users + batch.others[sample]));
    put(SampleRole::kPreferred, static_cast<std::size_t>(users + batch.preferred[sample]));
    put(SampleRole::kUser, static_cast<std::size_t>(batch.users[sample]));
  }
  for (const std::int32_t row : groups.rows) slots[static_cast<std::size_t>(row)] = -1;
}

}  // namespace llama4rec::recommenders
