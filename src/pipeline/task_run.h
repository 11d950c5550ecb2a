// All seeds of a run, for the task of its backbone.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/run_rows.h"
#include "pipeline/run_setup.h"
#include "pipeline/seed_record.h"
#include "pipeline/stage_store.h"
#include "pipeline/table_metrics.h"

namespace llama4rec::pipeline {

struct TaskRun {
  std::vector<SeedRecord> records;
  RunRows rows;
  TableMetrics metrics;
  nlohmann::json examples;  ///< for the report, as are these:
  nlohmann::json training_blocks = nlohmann::json::array();
};

/// Runs or resumes run.repeats seeds from `seed` on, then makes the rows.
TaskRun run_task(const RunSetup& setup, StageStore& store, std::uint64_t seed);

}  // namespace llama4rec::pipeline
