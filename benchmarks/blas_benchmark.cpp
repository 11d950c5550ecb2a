// Matrix products through libtorch and by our own kernels, as the models use them: how close they come to the machine's peak.
// OPENBLAS_CORETYPE (or LLAMA4REC_OPENBLAS_CORETYPE) chooses OpenBLAS's kernel; by itself the program takes the best one.
#include <cstdint>
#include <iostream>
#include <tuple>

#include <benchmark/benchmark.h>

#include "core/cpus.h"
#include "llm/engine/packed_matrix.h"
#include "recommenders/panel_product.h"
#include "tensor/runtime.h"
#include "tensor/torch.h"

namespace {

// A product [m, k] x [k, n] on preallocated memory; counts floating point operations.
void matrix_product(benchmark::State& state, torch::ScalarType type) {
  const torch::NoGradGuard no_gradients;
  const auto m = state.range(0);
  const auto n = state.range(1);
  const auto k = state.range(2);
  torch::manual_seed(1);
  const auto left = torch::randn({m, k}).to(type);
  const auto right = torch::randn({k, n}).to(type);
  auto product = torch::empty({m, n}, torch::TensorOptions().dtype(type));
  at::mm_out(product, left, right);
  for (auto _ : state) {
    at::mm_out(product, left, right);
    benchmark::ClobberMemory();
  }
  const double operations = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  state.counters["GFLOP/s"] =
      benchmark::Counter(operations * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

// Square products, a layer of a small model over a training batch, and decoding steps with few rows.
void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"m", "n", "k"})->Unit(benchmark::kMillisecond)->UseRealTime();
  benchmark->Args({2048, 2048, 2048})->Args({1024, 1024, 1024})->Args({4096, 512, 256});
  for (const std::int64_t rows : {1, 8, 32}) benchmark->Args({rows, 2048, 2048});
}

void float32(benchmark::State& state) { matrix_product(state, torch::kFloat32); }
void bfloat16(benchmark::State& state) { matrix_product(state, torch::kBFloat16); }

BENCHMARK(float32)->Apply(shapes);
BENCHMARK(bfloat16)->Apply(shapes);

// Products [m, k] x [k, n] of recommenders' and small language models' sizes by our own kernels, and the same through libtorch.
void small_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"m", "n", "k"})->Unit(benchmark::kMicrosecond)->UseRealTime();
  benchmark->Args({240, 64, 64})->Args({240, 128, 128})->Args({512, 256, 96})->Args({1, 256, 96});
}

void count_operations(benchmark::State& state) {
  const auto operations = 2e-9 * static_cast<double>(state.range(0) * state.range(1) * state.range(2));
  state.counters["GFLOP/s"] =
      benchmark::Counter(operations * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void small_float32(benchmark::State& state) { matrix_product(state, torch::kFloat32); }

void recommenders_panels(benchmark::State& state) {
  const auto [m, n, k] = std::tuple(state.range(0), state.range(1), state.range(2));
  const auto left = torch::randn({m, k});
  const auto right = torch::randn({k, n});
  auto product = torch::empty({m, n});
  llama4rec::recommenders::Panels panels;
  panels.pack(right.data_ptr<float>(), k, n, n);
  for (auto _ : state) {
    panel_product({.values = left.data_ptr<float>(), .rows = m, .row_stride = k}, panels, product.data_ptr<float>(), n,
                  llama4rec::recommenders::Accumulate::kNo);
    benchmark::ClobberMemory();
  }
  count_operations(state);
}

void engine_panels(benchmark::State& state, llama4rec::llm::Precision precision) {
  const auto [m, n, k] = std::tuple(state.range(0), state.range(1), state.range(2));
  const auto left = torch::randn({m, k});
  const llama4rec::llm::PackedMatrix matrix(torch::randn({n, k}), precision);
  auto product = torch::empty({m, n});
  for (auto _ : state) {
    matrix.multiply(left.data_ptr<float>(), k, m, product.data_ptr<float>(), n, llama4rec::llm::Into::kStore);
    benchmark::ClobberMemory();
  }
  count_operations(state);
}

BENCHMARK(small_float32)->Apply(small_shapes);
BENCHMARK(recommenders_panels)->Apply(small_shapes);
BENCHMARK_CAPTURE(engine_panels, float32, llama4rec::llm::Precision::kFloat32)->Apply(small_shapes);
BENCHMARK_CAPTURE(engine_panels, bfloat16, llama4rec::llm::Precision::kBfloat16)->Apply(small_shapes);
BENCHMARK_CAPTURE(engine_panels, int8, llama4rec::llm::Precision::kInt8)->Apply(small_shapes);

}  // namespace

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  llama4rec::tensor::configure_runtime(0);
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 2;
  std::cerr << llama4rec::cpu_name() << "; " << llama4rec::tensor::runtime_description() << '\n';
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
