// A run's rows by the user's place in the long tail.
#pragma once

#include <cstdint>
#include <span>

#include <nlohmann/json.hpp>

#include "pipeline/run_table.h"

namespace llama4rec::pipeline {

/// Base, IFT and Llama4Rec for each quintile of the users' numbers of training interactions, the tail first: a list of
/// {"quintile" (from 1), "minimum", "maximum", "users", "rows": [{"name", "title", "metrics", "difference"}]}. `counts`: by position in
/// `table.users`. Metrics are of the users' values averaged over the seeds (an RMSE is the root of their mean); "difference" is that to
/// Base by metric: {"value", "low", "high"} with a 95% bootstrap interval over the quintile's users.
nlohmann::ordered_json quintiles_of(const RunTable& table, std::span<const std::int64_t> counts, std::uint64_t seed);

}  // namespace llama4rec::pipeline
