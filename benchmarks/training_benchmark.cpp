// Seconds per epoch of recommenders on synthetic positives of ML-100K's size (943 users, 1,682 items, 53,491 interactions with
// the same long tail), and of ML-1M's. Baselines measured on such a machine are in docs/benchmarks.md.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/cpus.h"
#include "core/log.h"
#include "core/random.h"
#include "recommenders/direct/bpr_trainer.h"
#include "recommenders/direct/mixgcf_trainer.h"
#include "recommenders/direct/sgl_trainer.h"
#include "tensor/runtime.h"

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

/// What a benchmark measures the training of.
struct Subject {
  Size size = Size::kMl100k;
  std::int64_t layers = 0;
  bool fast = true;
  enum class Model { kBpr, kSgl, kMixGcf } model = Model::kBpr;
};

std::unique_ptr<recommenders::BprTrainer> make_trainer(const Subject& subject,
                                                       const recommenders::BprSettings& settings,
                                                       const recommenders::BprSampler& sampler) {
  using namespace recommenders;  // NOLINT(google-build-using-namespace): six factories of it
  const auto initial = glorot_embeddings(settings, 1);
  const SglSettings sgl{.bpr = settings, .views = {.layers = subject.layers}};
  const MixGcfSettings mix{.bpr = settings, .sampler = &sampler};
  switch (subject.model) {
    case Subject::Model::kSgl:
      return subject.fast ? make_fast_sgl_trainer(sgl, initial) : make_plain_sgl_trainer(sgl, initial, "cpu");
    case Subject::Model::kMixGcf:
      return subject.fast ? make_fast_mixgcf_trainer(mix, initial) : make_plain_mixgcf_trainer(mix, initial, "cpu");
    case Subject::Model::kBpr:
      break;
  }
  return subject.fast ? make_fast_bpr_trainer(settings, initial) : make_plain_bpr_trainer(settings, initial, "cpu");
}

void train(benchmark::State& state, const Subject& subject) {
  llama4rec::log::configure("warning");
  const TopKTrainingData data =
      subject.size == Size::kMl100k ? power_law_data(943, 1682, 53'491) : power_law_data(6040, 3706, 563'000);
  const auto graph = recommenders::build_graph(data.histories, data.items);
  const recommenders::BprSettings settings{
      .users = data.users, .items = data.items, .layers = subject.layers, .graph = &graph};
  recommenders::BprSampler sampler(data, recommenders::inspect(data), 1, 1);
  const auto trainer = make_trainer(subject, settings, sampler);
  std::int64_t epoch = 0;
  for (auto _ : state) {
    trainer->begin_epoch(++epoch);
    benchmark::DoNotOptimize(trainer->train_epoch(sampler.draw(epoch)));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sampler.size()));
  state.counters["samples"] = static_cast<double>(sampler.size());
}

void add(const char* name, const Subject& subject) {
  benchmark::RegisterBenchmark(name, [subject](benchmark::State& state) { train(state, subject); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace

int main(int argument_count, char** arguments) {
  using Model = Subject::Model;
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::tensor::configure_runtime(0);
  add("mf_ml100k_fast", {});
  add("mf_ml100k_plain", {.fast = false});
  add("lightgcn2_ml100k_fast", {.layers = 2});
  add("lightgcn2_ml100k_plain", {.layers = 2, .fast = false});
  add("lightgcn3_ml100k_fast", {.layers = 3});
  add("sgl2_ml100k_fast", {.layers = 2, .model = Model::kSgl});
  add("sgl2_ml100k_plain", {.layers = 2, .fast = false, .model = Model::kSgl});
  add("mixgcf3_ml100k_fast", {.layers = 3, .model = Model::kMixGcf});
  add("mixgcf3_ml100k_plain", {.layers = 3, .fast = false, .model = Model::kMixGcf});
  add("mf_ml1m_fast", {.size = Size::kMl1m});
  add("lightgcn2_ml1m_fast", {.size = Size::kMl1m, .layers = 2});
  add("sgl2_ml1m_fast", {.size = Size::kMl1m, .layers = 2, .model = Model::kSgl});
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
