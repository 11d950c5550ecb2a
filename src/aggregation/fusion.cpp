#include "aggregation/fusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::aggregation {
namespace {

constexpr double kUtilitySteps = 1e9;  // fused utilities are compared as whole numbers of 1e-9

/// Fused utility of every candidate, in steps of 1e-9.
std::vector<std::int64_t> fused_utilities(std::span<const std::int64_t> order, double weight, Utility utility) {
  if (!(weight >= 0 && weight <= 1)) {
    throw InternalError(fmt::format("aggregation: weight {}, expected 0 to 1", weight));
  }
  constexpr auto kUnseen = std::numeric_limits<std::int64_t>::max();
  const auto worth = [&](std::size_t position) {
    const auto place = static_cast<double>(position + 1);
    return utility == Utility::kPosition ? -place : 1 / place;
  };
  std::vector<std::int64_t> utilities(order.size(), kUnseen);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto candidate = static_cast<std::size_t>(order[rank]);
    if (order[rank] < 0 || candidate >= order.size() || utilities[candidate] != kUnseen) {
      throw InternalError(
          fmt::format("aggregation: the language model's order of {} candidates has {} at place {}, expected "
                      "each of 0 to {} once",
                      order.size(), order[rank], rank, order.size() - 1));
    }
    utilities[candidate] = std::llround(kUtilitySteps * (weight * worth(candidate) + (1 - weight) * worth(rank)));
  }
  return utilities;
}

template <class Value>
std::vector<std::int64_t> descending(const Value& values) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace

std::vector<std::int64_t> fuse_positions(std::span<const std::int64_t> language_model_order, double weight,
                                         Utility utility) {
  return descending(fused_utilities(language_model_order, weight, utility));
}

std::size_t fused_position(std::span<const std::int64_t> language_model_order, double weight, std::int64_t candidate,
                           Utility utility) {
  const auto utilities = fused_utilities(language_model_order, weight, utility);
  const auto index = static_cast<std::size_t>(candidate);
  if (candidate < 0 || index >= utilities.size()) {
    throw InternalError(fmt::format("aggregation: candidate {} of {}", candidate, utilities.size()));
  }
  std::size_t ahead = 0;
  for (std::size_t i = 0; i < utilities.size(); ++i) {
    if (utilities[i] > utilities[index] || (utilities[i] == utilities[index] && i < index)) ++ahead;
  }
  return ahead;
}

double fuse_ratings(double conventional, double language_model, double weight) {
  return weight * conventional + (1 - weight) * language_model;
}

std::vector<std::int64_t> order_by_ratings(std::span<const double> ratings) {
  for (std::size_t i = 0; i < ratings.size(); ++i) {
    if (!std::isfinite(ratings[i])) {
      throw InternalError(fmt::format("aggregation: predicted rating {} of candidate {}", ratings[i], i));
    }
  }
  return descending(ratings);
}

}  // namespace llama4rec::aggregation
