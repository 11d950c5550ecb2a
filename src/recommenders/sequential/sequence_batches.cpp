#include "recommenders/sequential/sequence_batches.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::recommenders {

std::vector<Sequence> training_windows(const std::vector<std::vector<ItemIndex>>& histories, std::int64_t length,
                                       const std::string& windows) {
  if (length < 2) throw InternalError(fmt::format("windows of {} items, expected 2 or more", length));
  std::vector<Sequence> result;
  for (const auto& history : histories) {
    auto end = static_cast<std::int64_t>(history.size());
    while (end > 1) {
      const auto begin = std::max<std::int64_t>(0, end - length);
      result.emplace_back(history.begin() + begin, history.begin() + end);
      if (begin == 0 || windows == "last") break;
      end = begin + 1;
    }
  }
  return result;
}

std::vector<std::vector<std::size_t>> plan_sequence_batches(std::span<const Sequence> sequences,
                                                            std::int64_t batch_size, std::uint64_t seed,
                                                            std::int64_t epoch) {
  RandomStream random(seed, "recommenders.sequence_batches", {static_cast<std::uint64_t>(epoch)});
  std::vector<std::size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span(order));
  // Lengths within a few items are alike: batches are not the same sequences in every epoch.
  constexpr std::size_t kAlike = 8;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sequences[a].size() / kAlike < sequences[b].size() / kAlike;
  });
  std::vector<std::vector<std::size_t>> batches;
  const auto size = static_cast<std::size_t>(batch_size);
  for (std::size_t begin = 0; begin < order.size(); begin += size) {
    const auto end = std::min(order.size(), begin + size);
    batches.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(begin),
                         order.begin() + static_cast<std::ptrdiff_t>(end));
  }
  random.shuffle(std::span(batches));
  return batches;
}

SequenceBatch make_sequence_batch(std::span<const Sequence> sequences, std::int64_t padding, std::int64_t least) {
  auto length = static_cast<std::size_t>(least);
  for (const auto& sequence : sequences) length = std::max(length, sequence.size());
  const auto rows = static_cast<std::int64_t>(sequences.size());
  const auto columns = static_cast<std::int64_t>(length);
  SequenceBatch batch{.items = torch::full({rows, columns}, padding, torch::kInt64),
                      .present = torch::zeros({rows, columns}, torch::kBool)};
  auto* items = batch.items.data_ptr<std::int64_t>();
  auto* present = batch.present.data_ptr<bool>();
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const auto& sequence = sequences[row];
    const auto first = (row + 1) * length - sequence.size();
    std::copy(sequence.begin(), sequence.end(), items + first);
    std::fill_n(present + first, sequence.size(), true);
  }
  return batch;
}

}  // namespace llama4rec::recommenders
