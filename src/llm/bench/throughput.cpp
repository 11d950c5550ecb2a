#include "llm/bench/throughput.h"

#include <algorithm>
#include <vector>

#include "llm/bench/operations.h"
#include "llm/bench/packed_sequences.h"
#include "llm/bench/stopwatch.h"

namespace llama4rec::llm {
namespace {

constexpr double kLong = 10;  // seconds
constexpr std::int64_t kTrainingSequences = 8;
constexpr std::int64_t kTrainingSteps = 3;

/// The best of three after one that warms up; one that takes long needs no warming and is taken as it is.
double best_seconds(const std::function<void()>& work) {
  const double first = seconds_of(work);
  return first > kLong ? first : best_of(3, work);
}

/// Titles up to `length` tokens, with the begin and the end token.
TrainingText training_text(const EmbeddedLlm& model, const SyntheticTitles& titles, RandomStream& random,
                           std::int64_t length) {
  TrainingText text;
  std::int64_t left = length - 2;
  for (;;) {
    const std::string segment = titles.draw(random) + "; ";
    left -= model.count_tokens(segment);
    if (left < 0) break;
    text.segments.push_back(segment);
    text.learn.push_back(true);
  }
  return text;
}

}  // namespace

BlockCache make_cache(const PackedModel& model, std::int64_t sequences, std::int64_t length) {
  const auto precision = cache_precision(model.precision());
  const BlockCache smallest(model.config(), precision, 1);
  const auto blocks = sequences * ((length + kBlockTokens - 1) / kBlockTokens);
  return {model.config(), precision, blocks * smallest.block_bytes()};
}

Throughput measure_prefill(const PackedModel& model, BlockCache& cache, std::int64_t sequences, std::int64_t length) {
  const PackedSequences packed(model, cache, sequences, length, 0);
  const double seconds = best_seconds([&] { (void)packed.read_prompts(); });
  return {
      .count = sequences * length,
      .seconds = seconds,
      .operations = prefill_operations(model.config(), static_cast<double>(sequences), static_cast<double>(length))};
}

Throughput measure_decode(const PackedModel& model, BlockCache& cache, std::int64_t batch, std::int64_t length,
                          std::int64_t steps) {
  PackedSequences packed(model, cache, batch, length, steps);
  (void)packed.read_prompts();
  const double seconds = best_seconds([&] { packed.decode(steps); });
  const double visible = static_cast<double>(length) + static_cast<double>(steps + 1) / 2;  // on average
  return {.count = batch * steps,
          .seconds = seconds,
          .operations = static_cast<double>(batch * steps) * decode_operations(model.config(), visible)};
}

Throughput measure_training(EmbeddedLlm& model, const ModelConfig& config, const SyntheticTitles& titles,
                            std::int64_t length, const std::string& precision) {
  RandomStream random(3, "benchmark.training");
  std::vector<TrainingText> texts;
  for (std::int64_t i = 0; i < kTrainingSequences * kTrainingSteps; ++i) {
    texts.push_back(training_text(model, titles, random, length));
  }
  TrainingOptions options;
  options.epochs = 1;
  options.batch_tokens = kTrainingSequences * length;
  options.learning_rate = 1e-9;
  options.precision = precision;
  const auto train = [&](std::size_t count) {
    std::vector<TrainingText> some(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(count));
    return model.train([&](std::int64_t) { return some; }, options, 1, {});
  };
  std::size_t count = kTrainingSequences;
  TrainingSummary summary = train(count);
  if (summary.seconds < kLong) summary = train(count = texts.size());
  const auto tokens = static_cast<double>(summary.tokens);
  return {.count = summary.tokens,
          .seconds = summary.seconds,
          .operations = training_operations(config, tokens, tokens / static_cast<double>(count),
                                            static_cast<double>(summary.learned_tokens))};
}

JobThroughput measure_job(Engine& engine, const ModelConfig& config, std::span<const CompletionRequest> requests,
                          std::int64_t users) {
  const auto before = engine.account().read_tokens;
  JobThroughput result;
  result.users.count = users;
  result.users.seconds = seconds_of([&] { (void)engine.complete(requests, {}); });
  result.account = engine.account();
  result.users.operations = static_cast<double>(result.account.read_tokens - before) * block_operations(config);
  return result;
}

std::int64_t longest_request(std::span<const CompletionRequest> requests, const Tokenizer& tokenizer) {
  std::int64_t longest = 0;
  for (const auto& request : requests) {
    auto tokens = static_cast<std::int64_t>(tokenizer.encode_prompt(request.prompt.segments).size()) + 1;
    for (const auto& option : request.grammar.options) {
      tokens += static_cast<std::int64_t>(tokenizer.encode(option).size());
      tokens += static_cast<std::int64_t>(tokenizer.encode(request.grammar.separator).size());
    }
    longest = std::max(longest, tokens);
  }
  return longest;
}

}  // namespace llama4rec::llm
