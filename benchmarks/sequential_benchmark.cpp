// Seconds per epoch of the sequence models on synthetic positives of ML-100K's size (943 users, 1,682 items), in the shapes of the
// reference library's defaults: the last 50 items of each user, batches of 256 sequences, embedding 64, 2 layers with an inner size of 64, 1 head,
// dropout 0.2.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/cpus.h"
#include "core/log.h"
#include "core/random.h"
#include "recommenders/panel_product.h"
#include "recommenders/registry.h"
#include "tensor/runtime.h"

namespace {

using llama4rec::ItemIndex;
using llama4rec::RandomStream;
using llama4rec::TopKTrainingData;
namespace recommenders = llama4rec::recommenders;

/// Histories of power-law lengths, 56 items in the mean.
TopKTrainingData power_law_histories() {
  constexpr std::int64_t kUsers = 943;
  constexpr std::int64_t kItems = 1682;
  RandomStream stream(1, "benchmarks.sequences");
  TopKTrainingData data{.users = kUsers, .items = kItems};
  for (std::int64_t user = 0; user < kUsers; ++user) {
    const auto length = static_cast<std::size_t>(std::clamp(28 / std::sqrt(1 - stream.uniform()), 3.0, 400.0));
    std::vector<ItemIndex> history;
    for (std::size_t n = 0; n < length; ++n) {
      history.push_back(static_cast<ItemIndex>(static_cast<double>(kItems) * std::pow(stream.uniform(), 3)));
    }
    data.provenance.interactions = llama4rec::InteractionSet(1);
    data.histories.push_back(std::move(history));
  }
  return data;
}

/// One iteration is an epoch; the time of 20 is divided, so that making the model does not count.
void train(benchmark::State& state, const std::string& model, const std::vector<std::string>& assignments) {
  constexpr int kEpochs = 20;
  llama4rec::log::configure("warning");
  auto table = std::make_shared<llama4rec::config::OptionTable>();
  recommenders::add_options(*table);
  llama4rec::config::Configuration options(table);
  for (const auto& one : assignments) options.set(one);
  options.set("train.epochs=" + std::to_string(kEpochs));
  options.set("train.learning_rate=0.001");
  options.set("sequence.batch_size=256");
  const auto data = power_law_histories();
  double best = 1e9;
  for (auto _ : state) {
    const auto recommender = recommenders::create_top_k(model, options, 1);
    const double seconds = recommender->fit(data, {}).train_seconds / kEpochs;
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["best_ms"] = best * 1e3;
}

/// The product that most of the time goes into, [512, 64] x [64, 192], on one thread: share of the peak of a processor.
void product(benchmark::State& state) {
  std::vector<float> left(512 * 64, 0.5F);
  std::vector<float> right(64 * 192, 0.25F);
  std::vector<float> result(512 * 192);
  recommenders::Panels panels;
  panels.pack(right.data(), 64, 192, 192);
  for (auto _ : state) {
    recommenders::panel_product({.values = left.data(), .rows = 512, .row_stride = 64}, panels, result.data(), 192,
                                recommenders::Accumulate::kNo);
    benchmark::DoNotOptimize(result.data());
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(2.0 * 512 * 64 * 192 * static_cast<double>(state.iterations()) / 1e9,
                                                 benchmark::Counter::kIsRate);
}

void add(const std::string& name, const std::string& model, const std::vector<std::string>& options) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { train(state, model, options); })
      ->Unit(benchmark::kMillisecond)
      ->UseManualTime()
      ->Iterations(3);
}

}  // namespace

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::tensor::configure_runtime(0);
  for (const std::string kernels : {"fast", "plain"}) {
    const auto with = [&](std::vector<std::string> options) {
      options.push_back("train.kernels=" + kernels);
      options.emplace_back("sequence.windows=last");
      options.emplace_back("sequence.expansion=1");
      return options;
    };
    add("sasrec_bce_" + kernels, "sasrec", with({"sasrec.loss=bce"}));
    add("sasrec_softmax_" + kernels, "sasrec", with({}));
    add("bert4rec_" + kernels, "bert4rec", with({"bert4rec.mask_probability=0.5", "bert4rec.last_share=0"}));
    add("cl4srec_bce_" + kernels, "cl4srec", with({"sasrec.loss=bce", "cl4srec.weight=0.05", "cl4srec.temperature=1"}));
  }
  benchmark::RegisterBenchmark("panel_product", product);
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
