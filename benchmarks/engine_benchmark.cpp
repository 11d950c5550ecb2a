// The embedded engine against the machine's limit: prefill, decoding and the two jobs of a recommender, on random weights.
//   engine_benchmark [SHAPE...]      S6 S110 L1100 (default: S6 S110); prints a table
//   engine_benchmark --users N ...   users of the jobs (default 100; their time grows in proportion)
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/cpus.h"
#include "core/process_memory.h"
#include "core/random.h"
#include "llm/bench/bench_model.h"
#include "llm/bench/machine_peak.h"
#include "llm/bench/operations.h"
#include "llm/bench/packed_sequences.h"
#include "llm/bench/stopwatch.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"
#include "llm/gradient_step.h"
#include "llm/parallel/parameter_units.h"
#include "tensor/parallel/world.h"
#include "tensor/runtime.h"

namespace llama4rec::llm {
namespace {

struct Shape {
  std::string name;
  ModelConfig config;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const auto& it : known_shapes()) all.push_back({it.name, it.config()});
  return all;
}

void print(const std::string& shape, const std::string& what, const std::string& value) {
  std::cout << fmt::format("{:<6} {:<58} {}\n", shape, what, value) << std::flush;
}

void measure_reading(const Shape& shape, const Transformer& transformer, Precision precision, double peak) {
  const PackedModel model(transformer, precision);
  BlockCache cache(shape.config, precision == Precision::kBfloat16 ? precision : Precision::kFloat32,
                   std::int64_t{6} << 30U);
  const auto name = to_string(precision);
  const int repeats = shape.name == "L1100" ? 2 : 5;
  {
    const PackedSequences sequences(model, cache, 8, 512, 0);
    const double seconds = best_of(repeats, [&] { (void)sequences.read_prompts(); });
    const double rate = prefill_operations(shape.config, 8, 512) / seconds * 1e-9;
    print(
        shape.name, fmt::format("prefill 8 x 512, {}", name),
        fmt::format("{:9.0f} tokens/s  {:5.0f} GFLOP/s  {:3.0f}% of peak", 8 * 512 / seconds, rate, 100 * rate / peak));
  }
  for (const std::int64_t batch : {1, 8, 32}) {
    PackedSequences sequences(model, cache, batch, 512, 64);
    (void)sequences.read_prompts();
    const double seconds = best_of(2, [&] { sequences.decode(32); });
    print(shape.name, fmt::format("decode behind 512 tokens, batch {}, {}", batch, name),
          fmt::format("{:9.0f} tokens/s", static_cast<double>(batch) * 32 / seconds));
  }
}

/// Forward, backward and AdamW over 8 examples of 512 tokens, all learned or only the last 64.
void measure_training(const Shape& shape, double peak) {
  const Transformer model(shape.config, 1, torch::kCPU);
  const tensor::World alone;
  ParameterUnits units(training_units(model, nullptr), alone, ZeroStage::kNothing);
  AdamW optimiser(units.own_parts(), 0.01);
  RandomStream random(3, "benchmark.training");
  for (const std::int64_t learned : {512, 64}) {
    std::vector<TrainingExample> examples(8);
    std::vector<std::int64_t> places;
    for (auto& example : examples) {
      places.push_back(static_cast<std::int64_t>(places.size()));
      for (std::int64_t i = 0; i < 513; ++i) {
        example.tokens.push_back(static_cast<Token>(random.below(static_cast<std::uint64_t>(shape.config.vocabulary))));
        example.learned.push_back(i >= 513 - learned);
      }
    }
    for (const bool mixed : {true, false}) {
      if (mixed && !has_bfloat16()) continue;
      GradientStep step(model, nullptr, units, alone, {.mixed_precision = mixed});
      const double seconds = best_of(3, [&] {
        (void)step.compute(examples, places, 1);
        (void)optimiser.squared_norm();
        optimiser.step(1e-4);
      });
      // Three times the forward pass; the head only where it is asked.
      const double head = 2.0 * static_cast<double>(shape.config.vocabulary * shape.config.hidden) * 8;
      const double operations =
          3 * (prefill_operations(shape.config, 8, 512) + head * static_cast<double>(learned - 1));
      print(shape.name, fmt::format("training 8 x 512, {} learned, {}", learned, mixed ? "bfloat16" : "float32"),
            fmt::format("{:9.0f} tokens/s  {:5.0f} GFLOP/s  {:3.0f}% of peak", 8 * 512 / seconds,
                        operations / seconds * 1e-9, 100 * operations / seconds * 1e-9 / peak));
    }
  }
}

void measure_jobs(const Shape& shape, const Transformer& transformer, std::int64_t users) {
  const auto model = BenchModel::of_shape(parse_shape(shape.name));
  const auto run = [&](const std::string& what, const std::vector<CompletionRequest>& requests,
                       const EngineOptions& options) {
    Engine engine(transformer, model.tokenizer(), options);
    const double seconds = seconds_of([&] { (void)engine.complete(requests, {}); });
    const auto account = engine.account();
    print(shape.name, what,
          fmt::format("{:9.2f} s for {} users, {:6.1f} users/s; {} tokens read, {} shared", seconds, users,
                      static_cast<double>(users) / seconds, account.read_tokens, account.shared_tokens));
  };
  const auto rank = ranking_job(model.titles(), users);
  const auto rate = rating_job(model.titles(), users);
  run("rank 10, listwise", rank, {});
  run("  without shared prefixes", rank, {.share_prefixes = false});
  run("  without jump-forward", rank, {.jump_forward = false});
  run("  one user at a time", rank, {.most_sequences = 1, .workers = 1});
  run("  float32", rank, {.precision = "float32"});
  auto first = rank;
  for (auto& request : first) request.grammar.generate_first = 1;
  run("  first position only", first, {});
  run("rate 10, pointwise", rate, {});
  run("  without shared prefixes", rate, {.share_prefixes = false});
}

int run_benchmark(int argument_count, char** arguments) {
  std::vector<std::string> wanted;
  std::int64_t users = 100;
  for (int i = 1; i < argument_count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--users" && i + 1 < argument_count) {
      users = std::stoll(arguments[++i]);
    } else {
      wanted.push_back(argument);
    }
  }
  if (wanted.empty()) wanted = {"S6", "S110"};
  tensor::configure_runtime(0);
  std::cout << cpu_name() << "; " << tensor::runtime_description() << '\n';
  for (const auto& shape : shapes()) {
    if (std::find(wanted.begin(), wanted.end(), shape.name) == wanted.end()) continue;
    const double peak = measure_peak() * 1e-9;
    const Transformer transformer(shape.config, 1, torch::kCPU);
    print(shape.name, "weights",
          fmt::format("{:9.1f} million", static_cast<double>(parameter_count(shape.config)) / 1e6));
    print(shape.name, "peak: 4096 x 2048 x 2048, bfloat16, best of 10", fmt::format("{:9.0f} GFLOP/s", peak));
    if (has_bfloat16()) measure_reading(shape, transformer, Precision::kBfloat16, peak);
    measure_reading(shape, transformer, Precision::kInt8, peak);
    if (shape.name != "L1100") {
      measure_reading(shape, transformer, Precision::kFloat32, peak);
      measure_training(shape, peak);
      measure_jobs(shape, transformer, users);
    }
    print(shape.name, "peak resident memory so far",
          fmt::format("{:9.2f} GiB", static_cast<double>(peak_resident_bytes()) / (1 << 30)));
  }
  return 0;
}

}  // namespace
}  // namespace llama4rec::llm

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  return llama4rec::llm::run_benchmark(argument_count, arguments);
}
