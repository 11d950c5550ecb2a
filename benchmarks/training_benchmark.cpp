// Seconds per epoch of recommenders on synthetic positives of ML-100K's size (943 users, 1,682 items, 53,491 interactions with
// the same long tail), and of ML-1M's. Baselines measured on such a machine are in docs/benchmarks.md.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/log.h"
#include "core/random.h"
#include "recommenders/direct/bpr_trainer.h"

namespace {

using llama4rec::ItemIndex;
using llama4rec::RandomStream;
using llama4rec::TopKTrainingData;
namespace recommenders = llama4rec::recommenders;

/// Histories whose lengths and whose items follow power laws; items are distinct within a history.
TopKTrainingData power_law_data(std::int64_t users, std::int64_t items, std::int64_t interactions) {
  RandomStream stream(1, "benchmarks.training");
  TopKTrainingData data{.users = users, .items = items};
  const auto mean = static_cast<double>(interactions) / static_cast<double>(users);
  for (std::int64_t user = 0; user < users; ++user) {
    // Pareto with the shape 2 has the mean of twice its minimum.
    const double length = std::min(mean / 2 / std::sqrt(1 - stream.uniform()), static_cast<double>(items) / 3);
    std::vector<bool> seen(static_cast<std::size_t>(items), false);
    std::vector<ItemIndex> history;
    while (static_cast<double>(history.size()) < length) {
      const auto item = static_cast<ItemIndex>(static_cast<double>(items) * std::pow(stream.uniform(), 3));
      if (seen[static_cast<std::size_t>(item)]) continue;
      seen[static_cast<std::size_t>(item)] = true;
      history.push_back(item);
    }
    data.histories.push_back(std::move(history));
  }
  return data;
}

enum class Size { kMl100k, kMl1m };

void train(benchmark::State& state, Size size, std::int64_t layers, bool fast) {
  llama4rec::log::configure("warning");
  const TopKTrainingData data =
      size == Size::kMl100k ? power_law_data(943, 1682, 53'491) : power_law_data(6040, 3706, 563'000);
  const auto graph = recommenders::build_graph(data.histories, data.items);
  const recommenders::BprSettings settings{.users = data.users, .items = data.items, .layers = layers, .graph = &graph};
  recommenders::BprSampler sampler(data, recommenders::inspect(data), 1, 1);
  const auto initial = recommenders::glorot_embeddings(settings, 1);
  const auto trainer = fast ? recommenders::make_fast_bpr_trainer(settings, initial)
                            : recommenders::make_plain_bpr_trainer(settings, initial, "cpu");
  std::int64_t epoch = 0;
  for (auto _ : state) benchmark::DoNotOptimize(trainer->train_epoch(sampler.draw(++epoch)));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sampler.size()));
  state.counters["samples"] = static_cast<double>(sampler.size());
}

}  // namespace

BENCHMARK_CAPTURE(train, mf_ml100k_fast, Size::kMl100k, 0, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, mf_ml100k_plain, Size::kMl100k, 0, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, lightgcn2_ml100k_fast, Size::kMl100k, 2, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, lightgcn2_ml100k_plain, Size::kMl100k, 2, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, lightgcn3_ml100k_fast, Size::kMl100k, 3, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, mf_ml1m_fast, Size::kMl1m, 0, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(train, lightgcn2_ml1m_fast, Size::kMl1m, 2, true)->Unit(benchmark::kMillisecond)->UseRealTime();

BENCHMARK_MAIN();
