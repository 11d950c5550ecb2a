// One recommender under the evaluation protocol: fit on train with early stopping, judged on validation and test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "config/configuration.h"
#include "data/load.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {

/// The task whose split a kind of recommender learns from.
data::Task task_of(recommenders::RecommenderKind kind);

/// Fits and evaluates with the configured options; the training's state is kept in `folder`, and a fit that was cut short goes on from
/// it. Returns {"epochs", "best_epoch", "seconds": {"train", "evaluate"}, "users", "validation": {metric: value}, "test": {the
/// same}}; `key` says what the configuration depends on (FitCheckpoint::key).
nlohmann::ordered_json fit_and_evaluate(const data::LoadedData& loaded, const recommenders::RecommenderInfo& info,
                                        const config::Configuration& configuration, std::uint64_t seed,
                                        const std::filesystem::path& folder, const std::string& key);

}  // namespace llama4rec::pipeline
