// Full ranking at the sizes of ML-100K and ML-1M: the product of random 64-dimensional embeddings and the ranking
// apart from each other and together. Masks have the data sets' mean number of positives per user.
#include <cstdint>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/cpus.h"
#include "core/random.h"
#include "evaluation/ranking.h"
#include "tensor/runtime.h"
#include "tensor/torch.h"

namespace {

using llama4rec::ItemIndex;
using llama4rec::RandomStream;
using llama4rec::UserIndex;
using llama4rec::evaluation::RankingRequest;

constexpr std::int64_t kDimension = 64;

RankingRequest make_request(std::int64_t users, std::int64_t items, std::int64_t masked_per_user) {
  RankingRequest request{.items = items, .users = {}, .masked = {}, .known = {}, .length = 10};
  RandomStream random(1, "ranking_benchmark");
  for (std::int64_t user = 0; user < users; ++user) {
    request.users.push_back(static_cast<UserIndex>(user));
    auto& masked = request.masked.emplace_back();
    for (std::int64_t i = 0; i < masked_per_user; ++i) {
      masked.push_back(static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(items))));
    }
  }
  return request;
}

void sizes(benchmark::internal::Benchmark* run) {
  run->ArgNames({"users", "items", "masked"})
      ->Args({943, 1682, 59})
      ->Args({6040, 3706, 95})
      ->Args({6040, 37060, 95})
      ->Args({6040, 370600, 95})
      ->Args({60400, 3706, 95})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

/// Product and ranking, tile by tile: what an evaluation of a matrix-factorisation model costs.
void product_and_ranking(benchmark::State& state) {
  const auto request = make_request(state.range(0), state.range(1), state.range(2));
  const torch::NoGradGuard no_gradients;
  torch::manual_seed(1);
  const auto users = torch::randn({state.range(0), kDimension});
  const auto items = torch::randn({state.range(1), kDimension}).t();
  const auto scores = [&](std::span<const UserIndex> tile, std::span<float> block) {
    auto out = torch::from_blob(block.data(), {static_cast<std::int64_t>(tile.size()), request.items});
    const auto first = static_cast<std::int64_t>(tile.front());
    torch::mm_out(out, users.slice(0, first, first + static_cast<std::int64_t>(tile.size())), items);
  };
  for (auto unused : state) benchmark::DoNotOptimize(llama4rec::evaluation::rank(request, scores));
}
BENCHMARK(product_and_ranking)->Apply(sizes);

/// The ranking with scores that are only copied.
void ranking_alone(benchmark::State& state) {
  const auto request = make_request(state.range(0), state.range(1), state.range(2));
  RandomStream random(2, "ranking_benchmark");
  std::vector<float> row(static_cast<std::size_t>(2 * request.items));
  for (float& score : row) score = static_cast<float>(random.normal());
  const auto items = static_cast<std::size_t>(request.items);
  const auto scores = [&](std::span<const UserIndex> tile, std::span<float> block) {
    for (std::size_t i = 0; i < tile.size(); ++i) {  // every user another section of the random numbers
      std::memcpy(block.data() + i * items, row.data() + static_cast<std::size_t>(tile[i]) % items,
                  items * sizeof(float));
    }
  };
  for (auto unused : state) benchmark::DoNotOptimize(llama4rec::evaluation::rank(request, scores));
}
BENCHMARK(ranking_alone)->Apply(sizes);

}  // namespace

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::tensor::configure_runtime(0);
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
