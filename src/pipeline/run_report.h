// The report of a run, as a document for the report layer.
#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/rows.h"
#include "pipeline/run_setup.h"
#include "pipeline/run_table.h"
#include "pipeline/seed_run.h"

namespace llama4rec::pipeline {

/// What a report is made from. `outcomes` and `rows` are by seed.
struct ReportSource {
  const RunSetup* setup = nullptr;
  const RunTable* table = nullptr;
  const std::vector<SeedOutcome>* outcomes = nullptr;
  const RunRows* rows = nullptr;
  nlohmann::ordered_json manifest;
};

/// Tables, curves, segments, a_u, examples, timings, accounting, manifest: see report/report.h for the form.
nlohmann::json report_document(const ReportSource& source);

}  // namespace llama4rec::pipeline
