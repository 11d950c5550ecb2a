// The cells of an experiment: independent pieces of work whose results are kept, so that an experiment that was cut short goes on
// with the cells that are missing, and experiments with common cells share them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

/// One cell: a fit and its evaluation, or a whole run.
struct ExperimentCell {
  std::string name;                       ///< of its folder: file-name characters only
  std::vector<std::string> dependencies;  ///< lines that decide the result; part of the folder's key
  /// Does the work. Files of an interrupted attempt, such as training states, may lie in the folder; `StageFolder::summary` is the
  /// result.
  std::function<void(StageFolder&)> work;
};

/// Results in the order of the cells. Says for each cell how many are left and how long they may take, judged by those that were
/// worked on. InterruptedError between two cells, or within one, after a signal; the same call goes on.
std::vector<StageResult> run_cells(StageStore& store, const std::vector<ExperimentCell>& cells);

}  // namespace llama4rec::pipeline
