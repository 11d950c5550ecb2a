// A whole run: all seeds, the table, the run's folder with manifest, per-user values and report.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/run_setup.h"
#include "pipeline/run_table.h"

namespace llama4rec::pipeline {

/// A finished run.
struct RunResult {
  std::filesystem::path folder;
  std::filesystem::path report;
  RunTable table;
  nlohmann::ordered_json document;  ///< what `run --json` prints and results.json holds
};

/// Runs or resumes the method. Stages are kept under run.directory/stages, shared by all runs there; the run's own folder
/// run.directory/ID holds manifest.json, results.json, per_user.tsv and report.html, each written whole. UsageError while another
/// process works in the same run.directory.
RunResult run_method(const RunSetup& setup, std::uint64_t seed, const std::string& command_line);

}  // namespace llama4rec::pipeline
