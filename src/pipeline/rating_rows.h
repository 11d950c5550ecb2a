// The rows of a rating run's table: what is decided on validation over all seeds, what is measured on test seed by seed.
#pragma once

#include <vector>

#include "pipeline/rating_seed_run.h"
#include "pipeline/run_rows.h"
#include "pipeline/run_setup.h"

namespace llama4rec::pipeline {

/// Chooses the way of asking, a1 and a2 by the RMSE on validation alone, one choice for all seeds, then measures every row on test, once.
/// Rows' per-user values are "squared_error" and "absolute_error".
RunRows make_rating_rows(const RunSetup& setup, std::vector<RatingSeedOutcome> outcomes);

}  // namespace llama4rec::pipeline
