#include "evaluation/segments.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {
namespace {

constexpr int kQuintiles = 5;

}  // namespace

std::vector<Segment> by_segment(const std::string& grouping, std::span<const std::int64_t> counts,
                                const PerUser& values, const Summary& summary) {
  for (const auto& [name, per_user] : values) {
    if (per_user.size() != counts.size()) {
      throw InternalError(fmt::format("segments: {} values of {} for {} counts", per_user.size(), name, counts.size()));
    }
  }
  const auto quintile_of = quintiles(counts);
  std::vector<Segment> segments;
  for (int quintile = 0; quintile < kQuintiles; ++quintile) {
    Segment segment{.grouping = grouping, .quintile = quintile, .metrics = {}};
    PerUser members;
    for (const auto& [name, per_user] : values) members[name];
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (quintile_of[i] != quintile) continue;
      segment.minimum_count = segment.size == 0 ? counts[i] : std::min(segment.minimum_count, counts[i]);
      segment.maximum_count = segment.size == 0 ? counts[i] : std::max(segment.maximum_count, counts[i]);
      ++segment.size;
      for (const auto& [name, per_user] : values) members[name].push_back(per_user[i]);
    }
    if (segment.size == 0) continue;
    segment.metrics = summary(members);
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace llama4rec::evaluation
