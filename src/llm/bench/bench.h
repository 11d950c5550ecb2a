// The measurements of `llm bench`, one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "llm/bench/bench_model.h"
#include "llm/bench/throughput.h"

namespace llama4rec::llm {

enum class BenchPart { kPrefill, kDecode, kTraining, kRanking };
std::string to_string(BenchPart part);
/// UsageError for an unknown name.
BenchPart parse_bench_part(const std::string& name);

struct BenchOptions {
  std::set<BenchPart> parts{BenchPart::kPrefill, BenchPart::kDecode, BenchPart::kTraining, BenchPart::kRanking};
  std::int64_t users = 100;  ///< of the ranking job
  EngineOptions engine;
  std::string training_precision = "auto";
};

/// What was measured; what was not is left out.
struct BenchResult {
  double peak = 0;                 ///< operations per second (machine_peak.h)
  std::int64_t prompt_tokens = 0;  ///< of each sequence of prefill and decoding
  std::int64_t weight_bytes = 0;   ///< of the engine's copy of the matrices; 0 where it was not asked
  std::optional<Throughput> prefill;
  std::map<std::int64_t, Throughput> decode;  ///< by batch
  std::optional<Throughput> training;
  std::optional<JobThroughput> ranking;
  std::map<BenchPart, std::string> left_out;  ///< why
};

/// UsageError before anything is allocated where `available` bytes of memory are too few, or the context too short for any measurement.
BenchResult bench(const BenchModel& model, const BenchOptions& options, std::int64_t available);

}  // namespace llama4rec::llm
