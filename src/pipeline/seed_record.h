// What every seed's run leaves for reports, whatever its task.
#pragma once

#include <algorithm>
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

  /// Takes over the store's timings from the `first` on; a stage that was used several times counts once.
  void take_timings(const StageStore& store, std::size_t first) {
    for (auto it = store.timings().begin() + static_cast<std::ptrdiff_t>(first); it != store.timings().end(); ++it) {
      const bool known =
          std::any_of(timings.begin(), timings.end(), [&](const auto& other) { return other.key == it->key; });
      if (known) continue;
      timings.push_back(*it);
      seconds += it->seconds;
    }
  }
};

}  // namespace llama4rec::pipeline
