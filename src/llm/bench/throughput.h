// What a model does per second on this machine: reading, writing, training, and the job that a recommender asks of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "llm/bench/synthetic_titles.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"

namespace llama4rec::llm {

/// A measured piece of work.
struct Throughput {
  std::int64_t count = 0;  ///< tokens, or users
  double seconds = 0;
  double operations = 0;  ///< see operations.h

  [[nodiscard]] double per_second() const { return static_cast<double>(count) / seconds; }
  [[nodiscard]] double operations_per_second() const { return operations / seconds; }
};

/// A cache that holds `sequences` of `length` tokens each, in the number format that goes with the model's.
BlockCache make_cache(const PackedModel& model, std::int64_t sequences, std::int64_t length);

/// Reads `sequences` prompts of `length` tokens in one step.
Throughput measure_prefill(const PackedModel& model, BlockCache& cache, std::int64_t sequences, std::int64_t length);
/// Writes `steps` tokens behind each of `batch` prompts of `length` tokens.
Throughput measure_decode(const PackedModel& model, BlockCache& cache, std::int64_t batch, std::int64_t length,
                          std::int64_t steps);
/// Trains on sequences of up to `length` tokens, all of them learned, eight in a step of the optimiser. The weights hardly move. `config` is the model's,
/// `precision` as in TrainingOptions.
Throughput measure_training(EmbeddedLlm& model, const ModelConfig& config, const SyntheticTitles& titles,
                            std::int64_t length, const std::string& precision);

/// Users answered by the whole engine.
struct JobThroughput {
  Throughput users;  ///< operations: of the blocks' matrices on the tokens read alone, so a lower bound
  EngineAccount account;
};
JobThroughput measure_job(Engine& engine, const ModelConfig& config, std::span<const CompletionRequest> requests,
                          std::int64_t users);

/// Most tokens of prompt and answer that a request of the job may take.
std::int64_t longest_request(std::span<const CompletionRequest> requests, const Tokenizer& tokenizer);

}  // namespace llama4rec::llm
