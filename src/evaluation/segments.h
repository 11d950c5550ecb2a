// Metrics by long-tail segment: how much of a gain reaches users with few interactions, and items that few have seen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "evaluation/metrics.h"

namespace llama4rec::evaluation {

/// One segment of a table by segment.
struct Segment {
  std::string grouping;            ///< what the counts are of: "users" or "items"
  int quintile = 0;                ///< 0 (the tail) to 4 (the head)
  std::int64_t minimum_count = 0;  ///< smallest and largest count in the segment
  std::int64_t maximum_count = 0;
  std::int64_t size = 0;  ///< evaluated users (or rating pairs) in the segment
  std::map<std::string, double> metrics;
};

/// Per-user values to metrics: `means` for top-k metrics, `rating_metrics` for rating errors.
using Summary = std::function<std::map<std::string, double>(const PerUser&)>;

/// One row per quintile (see `quintiles`) that holds any user, the tail first. `counts` are by position in `values`: for
/// "users" N(u), the user's interactions in the training part; for "items" the training frequency of the target,
/// so that quintiles of items hold equal shares of the evaluated targets, not of the catalogue.
std::vector<Segment> by_segment(const std::string& grouping, std::span<const std::int64_t> counts,
                                const PerUser& values, const Summary& summary);

}  // namespace llama4rec::evaluation
