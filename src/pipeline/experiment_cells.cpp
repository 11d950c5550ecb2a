#include "pipeline/experiment_cells.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.h"

namespace llama4rec::pipeline {

std::vector<StageResult> run_cells(StageStore& store, const std::vector<ExperimentCell>& cells) {
  std::vector<StageResult> results;
  double seconds = 0;
  std::size_t worked = 0;
  for (std::size_t n = 0; n < cells.size(); ++n) {
    results.push_back(store.run(cells[n].name, cells[n].dependencies, cells[n].work));
    if (!results.back().reused) {
      seconds += results.back().seconds;
      ++worked;
    }
    const std::size_t left = cells.size() - n - 1;
    if (left == 0 || results.back().reused) continue;
    log::info("{} of {} cells done; {} left, at most {:.0f} min at {:.1f} s each", n + 1, cells.size(), left,
              static_cast<double>(left) * seconds / static_cast<double>(worked) / 60,
              seconds / static_cast<double>(worked));
  }
  return results;
}

}  // namespace llama4rec::pipeline
