// `llm bench`: what a model does per second on this machine.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "core/cpus.h"
#include "core/process_memory.h"
#include "core/text.h"
#include "llm/bench/bench.h"
#include "llm/engine/precision.h"
#include "tensor/runtime.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

using Json = nlohmann::ordered_json;

struct BenchFlags {
  std::string model;
  std::string shape;
  std::vector<std::string> parts;
  std::int64_t users = 100;
};

/// What numbers were computed with.
struct BenchSetting {
  std::string precision;
  std::string training_precision;
};

Json to_json(const llm::Throughput& measured, double peak, const std::string& counted) {
  Json document;
  document[counted] = measured.count;
  document["seconds"] = measured.seconds;
  document[counted + "_per_second"] = measured.per_second();
  document["gflops"] = measured.operations_per_second() * 1e-9;
  document["share_of_peak"] = measured.operations_per_second() / peak;
  return document;
}

Json to_json(const llm::BenchModel& model, const llm::BenchResult& result, const BenchSetting& setting) {
  const auto& config = model.config();
  Json document;
  document["model"] = model.name();
  document["parameters"] = llm::parameter_count(config);
  document["shape"] = {
      {"hidden", config.hidden},  {"intermediate", config.intermediate},       {"layers", config.layers},
      {"heads", config.heads},    {"key_value_heads", config.key_value_heads}, {"vocabulary", config.vocabulary},
      {"context", config.context}};
  document["precision"] = setting.precision;
  document["training_precision"] = setting.training_precision;
  document["threads"] = at::get_num_threads();
  document["cpu"] = cpu_name();
  document["libraries"] = tensor::runtime_description();
  document["peak_gflops"] = result.peak * 1e-9;
  document["prompt_tokens"] = result.prompt_tokens;
  if (result.weight_bytes > 0) document["weight_bytes"] = result.weight_bytes;
  if (result.prefill) document["prefill"] = to_json(*result.prefill, result.peak, "tokens");
  for (const auto& [batch, measured] : result.decode) {
    Json row{{"batch", batch}};
    row.update(to_json(measured, result.peak, "tokens"));
    document["decode"].push_back(std::move(row));
  }
  if (result.training) document["training"] = to_json(*result.training, result.peak, "tokens");
  if (result.ranking) {
    document["ranking"] = to_json(result.ranking->users, result.peak, "users");
    document["ranking"]["read_tokens"] = result.ranking->account.read_tokens;
    document["ranking"]["shared_tokens"] = result.ranking->account.shared_tokens;
  }
  for (const auto& [part, why] : result.left_out) document["left_out"][llm::to_string(part)] = why;
  document["peak_resident_bytes"] = peak_resident_bytes();
  return document;
}

void print_line(const std::string& what, const llm::Throughput& measured, const std::string& unit, double peak) {
  std::cout << fmt::format(
      "{:<34} {:>9} in {:>8.3f} s {:>11} {:<9} {:>7.0f} GFLOP/s  {:>3.0f}% of peak\n", what,
      text::with_thousands(measured.count), measured.seconds,
      measured.per_second() < 100 ? fmt::format("{:.1f}", measured.per_second())
                                  : text::with_thousands(static_cast<long long>(measured.per_second())),
      unit, measured.operations_per_second() * 1e-9, 100 * measured.operations_per_second() / peak);
}

void print(const llm::BenchModel& model, const llm::BenchResult& result, const BenchSetting& setting) {
  const std::string behind = fmt::format("behind {} tokens", result.prompt_tokens);
  std::cout << fmt::format("{}: {} parameters, {} ({} in training), {} thread(s), {}\n", model.name(),
                           text::with_thousands(llm::parameter_count(model.config())), setting.precision,
                           setting.training_precision, at::get_num_threads(), cpu_name())
            << fmt::format("peak, best of 10 products 4096 x 2048 x 2048 in {}: {:.0f} GFLOP/s\n\n",
                           llm::has_bfloat16() ? "bfloat16" : "float32", result.peak * 1e-9);
  if (result.prefill) {
    print_line(fmt::format("prefill, prompts of {}", result.prompt_tokens), *result.prefill, "tokens/s", result.peak);
  }
  for (const auto& [batch, measured] : result.decode) {
    print_line(fmt::format("decode {}, batch {}", behind, batch), measured, "tokens/s", result.peak);
  }
  if (result.training) {
    print_line(fmt::format("training, sequences of {}", result.prompt_tokens), *result.training, "tokens/s",
               result.peak);
  }
  if (result.ranking) {
    print_line("rank 10, listwise, history of 30", result.ranking->users, "users/s", result.peak);
  }
  for (const auto& [part, why] : result.left_out) {
    std::cout << fmt::format("{} not measured: {}\n", llm::to_string(part), why);
  }
  std::cout << fmt::format("\npeak resident memory {:.2f} GiB\n",
                           static_cast<double>(peak_resident_bytes()) / (1 << 30));
}

void measure(Context& context, const BenchFlags& flags) {
  if (flags.model.empty() == flags.shape.empty()) throw UsageError("llm bench: give either --model or --shape");
  if (flags.users < 1) throw UsageError(fmt::format("llm bench: --users is {}, expected at least 1", flags.users));
  const auto configuration = context.load_configuration();
  const auto device = tensor::parse_device(configuration.read<RuntimeOptions>().device);
  if (!device.is_cpu())
    throw UsageError("llm bench measures the engine, which runs on the CPU; device is " + device.str());
  llm::BenchOptions options{.users = flags.users,
                            .engine = configuration.read<llm::EngineOptions>(),
                            .training_precision = configuration.read<llm::TuningOptions>().precision};
  if (!flags.parts.empty()) options.parts.clear();
  for (const auto& part : flags.parts) options.parts.insert(llm::parse_bench_part(part));
  const auto model = flags.model.empty() ? llm::BenchModel::of_shape(llm::parse_shape(flags.shape))
                                         : llm::BenchModel::of_checkpoint(flags.model);
  const auto result = llm::bench(model, options, available_memory());
  const BenchSetting setting{.precision = llm::to_string(llm::parse_precision(options.engine.precision)),
                             .training_precision = llm::to_string(llm::parse_precision(options.training_precision))};
  if (context.json) {
    Context::print_json(to_json(model, result, setting));
  } else {
    print(model, result, setting);
  }
}

}  // namespace

void add_llm_bench_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("bench", "Measure reading, writing, training and ranking on this machine");
  auto flags = std::make_shared<BenchFlags>();
  command->add_option("--model", flags->model, "The model's folder")->type_name("DIR");
  command
      ->add_option("--shape", flags->shape,
                   "In place of --model, random weights: s6, s110, l1100 or hidden:64,layers:2,heads:2,...")
      ->type_name("SHAPE");
  command->add_option("--parts", flags->parts, "Some of prefill,decode,training,ranking (default: all)")
      ->delimiter(',')
      ->type_name("PARTS");
  command->add_option("--users", flags->users, "Users of the ranking job (default 100)")->type_name("N");
  command->callback([&context, flags] { measure(context, *flags); });
}

}  // namespace llama4rec::apps
