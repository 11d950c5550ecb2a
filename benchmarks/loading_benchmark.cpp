// Loading the original data sets: files, reading, filter, order. Skipped where LLAMA4REC_DATA does not have them.
#include <benchmark/benchmark.h>

#include "data/book_crossing.h"
#include "data/load.h"

namespace llama4rec::data {
namespace {

void load_named(benchmark::State& state, const char* name) {
  if (!locate(name, {})) {
    state.SkipWithError("the data set is not here; set LLAMA4REC_DATA to the folder that holds it");
    return;
  }
  std::int64_t interactions = 0;
  for (auto _ : state) {
    const auto data = load(name, {});
    interactions = data.dataset.size();
    benchmark::DoNotOptimize(interactions);
  }
  state.counters["interactions"] = static_cast<double>(interactions);
}

/// Without the 5-core: the dump as it is.
void read_raw_book_crossing(benchmark::State& state) {
  const auto folder = locate("book-crossing", {});
  if (!folder) {
    state.SkipWithError("the data set is not here; set LLAMA4REC_DATA to the folder that holds it");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(read_book_crossing(*folder).dataset.size());
}

BENCHMARK_CAPTURE(load_named, ml_100k, "ml-100k")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load_named, ml_1m, "ml-1m")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load_named, book_crossing, "book-crossing")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load_named, sample, "sample")->Unit(benchmark::kMillisecond);
BENCHMARK(read_raw_book_crossing)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace llama4rec::data

BENCHMARK_MAIN();
