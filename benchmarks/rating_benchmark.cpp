// Seconds per epoch of the rating models on synthetic ratings of ML-100K's size (943 users, 1,682 items, 98,114 ratings), in the shapes of the reference
// library's defaults: 27 fields (user, item, four attributes of users, title, year and 19 genre flags of items), embedding 4, batches of 256.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "core/cpus.h"
#include "core/log.h"
#include "core/random.h"
#include "recommenders/registry.h"
#include "tensor/runtime.h"

namespace {

using llama4rec::AttributeTable;
using llama4rec::RandomStream;
using llama4rec::RatingTrainingData;
namespace recommenders = llama4rec::recommenders;

constexpr std::int64_t kUsers = 943;
constexpr std::int64_t kItems = 1682;
constexpr std::int64_t kRatings = 98114;

/// A column of `values` different texts, each used by somebody.
void add_column(AttributeTable& table, RandomStream& stream, const std::string& name, std::int64_t members,
                std::int64_t values) {
  std::vector<std::string> column;
  for (std::int64_t member = 0; member < members; ++member) {
    const auto value =
        member < values ? member : static_cast<std::int64_t>(stream.uniform() * static_cast<double>(values));
    column.push_back(fmt::format("{} {}", name, value));
  }
  table.names.push_back(name);
  table.values.push_back(std::move(column));
}

/// Ratings of items of power-law popularity, and the attribute tables that they point to.
struct SyntheticRatings {
  AttributeTable of_users;
  AttributeTable of_items;
  RatingTrainingData data;

  SyntheticRatings() {
    RandomStream stream(1, "benchmarks.ratings");
    add_column(of_users, stream, "gender", kUsers, 2);
    add_column(of_users, stream, "age", kUsers, 61);
    add_column(of_users, stream, "occupation", kUsers, 21);
    add_column(of_users, stream, "zip", kUsers, 795);
    add_column(of_items, stream, "title", kItems, 1664);
    add_column(of_items, stream, "year", kItems, 72);
    for (int genre = 0; genre < 19; ++genre) add_column(of_items, stream, fmt::format("genre{}", genre), kItems, 2);
    data.users = kUsers;
    data.items = kItems;
    data.user_attributes = &of_users;
    data.item_attributes = &of_items;
    for (std::int64_t n = 0; n < kRatings; ++n) {
      const auto item = static_cast<double>(kItems) * std::pow(stream.uniform(), 3);
      data.examples.push_back({.user = static_cast<llama4rec::UserIndex>(n * kUsers / kRatings),
                               .item = static_cast<llama4rec::ItemIndex>(item),
                               .rating = static_cast<float>(1 + static_cast<int>(stream.uniform() * 5))});
    }
    data.provenance.interactions = llama4rec::InteractionSet(1);
  }
};

/// One iteration is an epoch; the time of `epochs` is divided, so that making the model does not count.
void train(benchmark::State& state, const std::string& model, int epochs, const std::vector<std::string>& assignments) {
  llama4rec::log::configure("warning");
  auto table = std::make_shared<llama4rec::config::OptionTable>();
  recommenders::add_options(*table);
  llama4rec::config::Configuration options(table);
  for (const auto& one : assignments) options.set(one);
  options.set("train.epochs=" + std::to_string(epochs));
  options.set("train.embedding=4");
  options.set("rating.minimum_count=1");
  const SyntheticRatings ratings;
  double best = 1e9;
  for (auto _ : state) {
    const auto recommender = recommenders::create_rating(model, options, 1);
    const double seconds = recommender->fit(ratings.data, {}).train_seconds / epochs;
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["best_ms"] = best * 1e3;
}

void add(const std::string& name, const std::string& model, int epochs, const std::vector<std::string>& options) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { train(state, model, epochs, options); })
      ->Unit(benchmark::kMillisecond)
      ->UseManualTime()
      ->Iterations(3);
}

}  // namespace

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::tensor::configure_runtime(0);
  for (const std::string kernels : {"fast", "plain"}) {
    for (const std::string model : {"deepfm", "nfm", "dcn", "afm", "autoint", "xdeepfm"}) {
      std::vector<std::string> options = {"train.kernels=" + kernels};
      if (model == "autoint") options.emplace_back("autoint.head_dimension=2");
      const int epochs = model == "xdeepfm" || kernels == "plain" ? 1 : 5;
      add(model + "_" + kernels, model, epochs, options);
    }
  }
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
