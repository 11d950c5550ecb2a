#include "llm/batching.h"

#include <algorithm>
#include <numeric>

#include "core/random.h"

namespace llama4rec::llm {

std::vector<std::vector<std::int64_t>> plan_batches(std::span<const TrainingExample> examples,
                                                    std::int64_t batch_tokens, std::uint64_t seed, std::int64_t epoch) {
  // Sorted within windows only: enough to avoid padding, and a batch still mixes lengths of different examples each epoch.
  constexpr std::int64_t kBatchesPerWindow = 16;
  RandomStream random(seed, "llm.batches", {static_cast<std::uint64_t>(epoch)});
  std::vector<std::int64_t> order(examples.size());
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(std::span(order));
  const auto width = [&](std::int64_t place) {
    return std::max<std::int64_t>(1, examples[static_cast<std::size_t>(place)].length() - 1);
  };
  std::vector<std::vector<std::int64_t>> batches;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    for (std::int64_t tokens = 0; end < order.size() && tokens < kBatchesPerWindow * batch_tokens; ++end) {
      tokens += width(order[end]);
    }
    std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
                     order.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](std::int64_t a, std::int64_t b) { return width(a) > width(b); });
    std::vector<std::int64_t> batch;
    for (; begin < end; ++begin) {
      const auto longest = batch.empty() ? width(order[begin]) : width(batch.front());
      if (!batch.empty() && (static_cast<std::int64_t>(batch.size()) + 1) * longest > batch_tokens) {
        batches.push_back(std::move(batch));
        batch.clear();
      }
      batch.push_back(order[begin]);
    }
    if (!batch.empty()) batches.push_back(std::move(batch));
  }
  random.shuffle(std::span(batches));
  return batches;
}

TrainingBatch make_batch(std::span<const TrainingExample> examples, std::span<const std::int64_t> places) {
  std::int64_t length = 1;
  for (const auto place : places) {
    length = std::max(length, examples[static_cast<std::size_t>(place)].length() - 1);
  }
  const auto rows = static_cast<std::int64_t>(places.size());
  TrainingBatch batch;
  batch.tokens = torch::zeros({rows, length}, torch::kInt64);
  std::int64_t* tokens = batch.tokens.data_ptr<std::int64_t>();
  std::vector<std::int64_t> sources;
  std::vector<std::int64_t> targets;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& example = examples[static_cast<std::size_t>(places[static_cast<std::size_t>(row)])];
    const auto count = example.length() - 1;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = row * length + i;
      tokens[at] = example.tokens[static_cast<std::size_t>(i)];
      if (!example.learned[static_cast<std::size_t>(i) + 1]) continue;
      sources.push_back(at);
      targets.push_back(example.tokens[static_cast<std::size_t>(i) + 1]);
    }
    batch.read += count;
  }
  batch.sources = torch::tensor(sources, torch::kInt64);
  batch.targets = torch::tensor(targets, torch::kInt64);
  return batch;
}

}  // namespace llama4rec::llm
