// What every seed's run leaves for reports, whatever its task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

struct SeedRecord {
  std::uint64_t seed = 0;
  nlohmann::ordered_json summaries = nlohmann::ordered_json::object();  ///< by stage
  std::vector<StageStore::Timing> timings;
  double seconds = 0;  ///< of all stages, when they were done

  /// Takes over the store's timings from the `first` on.
  void take_timings(const StageStore& store, std::size_t first) {
    timings.assign(store.timings().begin() + static_cast<std::ptrdiff_t>(first), store.timings().end());
    for (const auto& timing : timings) seconds += timing.seconds;
  }
};

}  // namespace llama4rec::pipeline
