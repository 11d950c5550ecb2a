// How training time and memory grow with the data: synthetic positives of the sizes of ML-100K, ML-1M and of 20 million interactions.
// Usage: scaling_benchmark [MODEL...], of mf, lightgcn; a line of a Markdown table for each size, as soon as it is measured.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/cpus.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "core/random.h"
#include "recommenders/direct/bpr_trainer.h"
#include "tensor/runtime.h"

namespace {

using llama4rec::ItemIndex;
using llama4rec::RandomStream;
using llama4rec::TopKTrainingData;
namespace recommenders = llama4rec::recommenders;

struct Size {
  const char* name;
  std::int64_t users;
  std::int64_t items;
  std::int64_t interactions;
};

/// Histories whose lengths and whose items follow power laws; items are distinct within a history.
TopKTrainingData power_law_data(const Size& size) {
  RandomStream stream(1, "benchmarks.scaling");
  TopKTrainingData data{.users = size.users, .items = size.items};
  const double mean = static_cast<double>(size.interactions) / static_cast<double>(size.users);
  std::vector<bool> seen(static_cast<std::size_t>(size.items), false);
  for (std::int64_t user = 0; user < size.users; ++user) {
    const double length = std::min(mean / 2 / std::sqrt(1 - stream.uniform()), static_cast<double>(size.items) / 3);
    std::vector<ItemIndex> history;
    while (static_cast<double>(history.size()) < length) {
      const auto item = static_cast<ItemIndex>(static_cast<double>(size.items) * std::pow(stream.uniform(), 3));
      if (seen[static_cast<std::size_t>(item)]) continue;
      seen[static_cast<std::size_t>(item)] = true;
      history.push_back(item);
    }
    for (const ItemIndex item : history) seen[static_cast<std::size_t>(item)] = false;
    data.histories.push_back(std::move(history));
  }
  return data;
}

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// `batches` of an epoch of `batch_size` each (0: all of them).
void measure(const std::string& model, const Size& size, const TopKTrainingData& data, std::int64_t batch_size,
             std::int64_t batches) {
  const std::int64_t layers = model == "lightgcn" ? 2 : 0;
  recommenders::InteractionGraph graph;
  if (layers > 0) graph = recommenders::build_graph(data.histories, data.items);
  const recommenders::BprSettings settings{
      .users = data.users, .items = data.items, .layers = layers, .batch_size = batch_size, .graph = &graph};
  recommenders::BprSampler sampler(data, recommenders::inspect(data), 1, 1);
  const auto trainer = recommenders::make_fast_bpr_trainer(settings, recommenders::glorot_embeddings(settings, 1));
  double sampling = 0;
  recommenders::BprSamples samples;
  sampling = seconds_of([&] { samples = sampler.draw(1); });
  const auto all = static_cast<std::int64_t>(samples.size());
  const std::int64_t used = batches == 0 ? all : std::min(all, batches * batch_size);
  trainer->begin_epoch(1);
  const double training = seconds_of([&] { trainer->train_epoch(samples.slice(0, static_cast<std::size_t>(used))); });
  fmt::print("| {} | {} | {} | {} | {} | {:.2f} | {:.2f} | {:.0f} |\n", model, size.name, all, batch_size,
             batches == 0 ? "epoch" : fmt::format("{} batches", (used + batch_size - 1) / batch_size), sampling,
             training, static_cast<double>(llama4rec::peak_resident_bytes()) / 1048576.0);
  std::cout << std::flush;
}

}  // namespace

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::log::configure("warning");
  llama4rec::tensor::configure_runtime(0);
  std::vector<std::string> models(arguments + 1, arguments + argument_count);
  if (models.empty()) models = {"mf", "lightgcn"};
  fmt::print(
      "| model | size of | interactions | batch | timed | sampling an epoch, s | training, s | peak memory so far, MiB "
      "|\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Size& size : {Size{"ML-100K", 943, 1682, 53'491}, Size{"ML-1M", 6040, 3706, 563'000},
                           Size{"20 million", 138'000, 27'000, 20'000'000}}) {
    const auto data = power_law_data(size);
    const bool large = size.interactions > 10'000'000;
    for (const auto& model : models) {
      if (model == "lightgcn" && large) {
        measure(model, size, data, 2048, 100);
        measure(model, size, data, 1 << 20, 0);
      } else {
        measure(model, size, data, 2048, 0);
        if (large) measure(model, size, data, 1 << 16, 0);
      }
    }
  }
  return 0;
}
