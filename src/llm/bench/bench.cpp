#include "llm/bench/bench.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/bench/machine_peak.h"
#include "llm/bench/memory_need.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kPrompt = 512;   // tokens, where the context has them
constexpr std::int64_t kSequences = 8;  // of prefill, and of a step of training
constexpr std::array<std::int64_t, 3> kBatches{1, 8, 32};
constexpr std::int64_t kDecodeSteps = 32;
constexpr std::int64_t kLeastContext = 64;
constexpr std::array<BenchPart, 4> kParts{BenchPart::kPrefill, BenchPart::kDecode, BenchPart::kTraining,
                                          BenchPart::kRanking};

void refuse_where_memory_is_short(const BenchModel& model, const BenchOptions& options, std::int64_t prompt,
                                  std::int64_t available) {
  const bool trains = options.parts.contains(BenchPart::kTraining);
  const auto need = memory_need(model.config(), parse_precision(options.engine.precision),
                                kBatches.back() * (prompt + kDecodeSteps), trains ? kSequences * prompt : 0, prompt);
  if (need.most() <= static_cast<double>(available)) return;
  constexpr double kGibibyte = 1 << 30;
  throw UsageError(
      fmt::format("llm bench: {} needs about {:.1f} GiB (weights {:.1f}, the engine's copy {:.1f}, keys and values "
                  "{:.1f}, training "
                  "{:.1f}) and {:.1f} GiB are free; expected a smaller shape or fewer parts (--parts)",
                  model.name(), need.most() / kGibibyte, need.weights / kGibibyte, need.engine / kGibibyte,
                  need.cache / kGibibyte, need.training / kGibibyte, static_cast<double>(available) / kGibibyte));
}

void measure_reading(const Transformer& transformer, const BenchOptions& options, BenchResult& result) {
  const bool decodes = options.parts.contains(BenchPart::kDecode);
  if (!decodes && !options.parts.contains(BenchPart::kPrefill)) return;
  const PackedModel model(transformer, parse_precision(options.engine.precision));
  result.weight_bytes = model.bytes();
  auto cache = make_cache(model, decodes ? kBatches.back() : kSequences, result.prompt_tokens + kDecodeSteps);
  if (options.parts.contains(BenchPart::kPrefill)) {
    result.prefill = measure_prefill(model, cache, kSequences, result.prompt_tokens);
  }
  if (!decodes) return;
  for (const auto batch : kBatches) {
    result.decode[batch] = measure_decode(model, cache, batch, result.prompt_tokens, kDecodeSteps);
  }
}

void measure_ranking(const BenchModel& model, const Transformer& transformer, const BenchOptions& options,
                     BenchResult& result) {
  const auto requests = ranking_job(model.titles(), options.users);
  const auto longest = longest_request(requests, model.tokenizer());
  if (longest > model.config().context) {
    result.left_out[BenchPart::kRanking] = fmt::format(
        "a prompt and its answer may take {} tokens, and the context has {}", longest, model.config().context);
    return;
  }
  Engine engine(transformer, model.tokenizer(), options.engine);
  result.weight_bytes = engine.weight_bytes();
  result.ranking = measure_job(engine, model.config(), requests, options.users);
}

}  // namespace

std::string to_string(BenchPart part) {
  switch (part) {
    case BenchPart::kPrefill:
      return "prefill";
    case BenchPart::kDecode:
      return "decode";
    case BenchPart::kTraining:
      return "training";
    case BenchPart::kRanking:
      return "ranking";
  }
  return "unknown";
}

BenchPart parse_bench_part(const std::string& name) {
  for (const auto part : kParts) {
    if (to_string(part) == name) return part;
  }
  throw UsageError(
      fmt::format("llm bench: '{}' is no part; expected some of prefill, decode, training, ranking", name));
}

BenchResult bench(const BenchModel& model, const BenchOptions& options, std::int64_t available) {
  const auto& config = model.config();
  if (config.context < kLeastContext) {
    throw UsageError(fmt::format("llm bench: the context of {} has {} tokens, expected at least {}", model.name(),
                                 config.context, kLeastContext));
  }
  BenchResult result;
  result.prompt_tokens = std::min(kPrompt, config.context - kDecodeSteps);
  refuse_where_memory_is_short(model, options, result.prompt_tokens, available);
  result.peak = measure_peak();
  if (options.parts != std::set{BenchPart::kTraining}) {
    const auto transformer = model.transformer();
    measure_reading(transformer, options, result);
    if (options.parts.contains(BenchPart::kRanking)) measure_ranking(model, transformer, options, result);
  }
  if (options.parts.contains(BenchPart::kTraining)) {
    const auto trainable = model.trainable();
    result.training =
        measure_training(*trainable, config, model.titles(), result.prompt_tokens, options.training_precision);
  }
  return result;
}

}  // namespace llama4rec::llm
