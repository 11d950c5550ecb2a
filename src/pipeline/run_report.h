// The report of a run, as a document for the report layer.
#pragma once

#include <span>

#include <nlohmann/json.hpp>

#include "pipeline/run_rows.h"
#include "pipeline/run_setup.h"
#include "pipeline/run_table.h"
#include "pipeline/seed_record.h"

namespace llama4rec::pipeline {

/// What a report is made from. `records` and `rows` are by seed.
struct ReportSource {
  const RunSetup* setup = nullptr;
  const RunTable* table = nullptr;
  std::span<const SeedRecord> records;
  const RunRows* rows = nullptr;
  nlohmann::json examples;         ///< a block of test prompts and what became of them
  nlohmann::json training_blocks;  ///< further blocks of the section on training
  nlohmann::ordered_json manifest;
};

/// Tables, curves, segments, a_u, examples, timings, accounting, manifest: see report/report.h for the form.
nlohmann::json report_document(const ReportSource& source);

}  // namespace llama4rec::pipeline
