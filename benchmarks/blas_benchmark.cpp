// Matrix products through libtorch, as the models use them: how close the machine's BLAS and oneDNN come to its peak.
// OPENBLAS_CORETYPE (or LLAMA4REC_OPENBLAS_CORETYPE) chooses OpenBLAS's kernel; by itself the program takes the best one.
#include <cstdint>
#include <iostream>

#include <benchmark/benchmark.h>

#include "core/cpus.h"
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
