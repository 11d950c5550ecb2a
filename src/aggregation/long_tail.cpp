#include "aggregation/long_tail.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::aggregation {

double long_tail_coefficient(std::int64_t interactions) {
  if (interactions < 0) throw InternalError(fmt::format("aggregation: {} interactions of a user", interactions));
  return std::log1p(static_cast<double>(interactions));
}

double adaptive_weight(double coefficient, double minimum, double maximum, double a1, double a2) {
  const double range = maximum - minimum;
  const double fraction = range > 0 ? std::clamp((coefficient - minimum) / range, 0.0, 1.0) : 1.0;
  return std::max(a1 * fraction, a2);
}

LongTailScale::LongTailScale(std::span<const std::int64_t> interactions) {
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  std::int64_t most = 0;
  for (const std::int64_t count : interactions) {
    if (count < 0) throw InternalError(fmt::format("aggregation: {} interactions of a user", count));
    if (count == 0) continue;
    fewest = std::min(fewest, count);
    most = std::max(most, count);
  }
  if (most == 0) return;
  minimum_ = long_tail_coefficient(fewest);
  maximum_ = long_tail_coefficient(most);
}

AdaptiveWeights::AdaptiveWeights(LongTailScale scale, double a1, double a2) : scale_(scale), a1_(a1), a2_(a2) {
  if (!(a1 >= 0 && a1 <= 1 && a2 >= 0 && a2 <= 1)) {
    throw InternalError(fmt::format("aggregation: a1 = {}, a2 = {}, expected values from 0 to 1", a1, a2));
  }
}

}  // namespace llama4rec::aggregation
