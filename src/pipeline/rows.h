// The rows of a top-k run's table: what is decided on validation over all seeds, what is measured on test seed by seed.
#pragma once

#include <vector>

#include "pipeline/run_rows.h"
#include "pipeline/run_setup.h"
#include "pipeline/seed_run.h"

namespace llama4rec::pipeline {

/// Chooses ranking method, a1 and a2 on validation alone, then measures every row on test, once. There is one choice for all seeds, on
/// the metric's mean over them: with some sixty hits per seed, a choice by seed follows the noise.
RunRows make_rows(const RunSetup& setup, std::vector<SeedOutcome> outcomes);

}  // namespace llama4rec::pipeline
