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

double worth_of(std::size_t position, Utility utility) {
  const auto place = static_cast<double>(position + 1);
  return utility == Utility::kReciprocal ? 1 / place : -place;
}

/// Place of every candidate in the order, from 0.
std::vector<std::size_t> places_of(std::span<const std::int64_t> order) {
  constexpr auto kUnseen = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> places(order.size(), kUnseen);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto candidate = static_cast<std::size_t>(order[rank]);
    if (order[rank] < 0 || candidate >= order.size() || places[candidate] != kUnseen) {
      throw InternalError(
          fmt::format("aggregation: the language model's order of {} candidates has {} at place {}, expected "
                      "each of 0 to {} once",
                      order.size(), order[rank], rank, order.size() - 1));
    }
    places[candidate] = rank;
  }
  return places;
}

/// Log-probabilities or scores with the mean and the deviation of the positions -1..-k'; empty where they tell nothing.
std::vector<double> scaled_to_positions(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean) / count;
  if (!std::isfinite(squares) || squares <= 0) return {};
  const double scale = std::sqrt((count * count - 1) / 12 / squares);
  std::vector<double> scaled;
  for (const double value : values) scaled.push_back(scale * (value - mean) - (count + 1) / 2);
  return scaled;
}

/// The language model's utility of every candidate.
std::vector<double> language_model_utilities(const CandidateViews& views, Utility utility) {
  const auto places = places_of(views.order);
  const bool by_probability = utility == Utility::kProbability || utility == Utility::kScore;
  if (by_probability && views.log_probabilities.size() == places.size()) {
    auto scaled = scaled_to_positions(views.log_probabilities);
    if (!scaled.empty()) return scaled;
  }
  std::vector<double> utilities;
  for (const std::size_t place : places) utilities.push_back(worth_of(place, utility));
  return utilities;
}

/// The backbone's, whose order is that of the candidates' numbers.
std::vector<double> backbone_utilities(const CandidateViews& views, Utility utility) {
  const std::size_t count = views.order.size();
  if (utility == Utility::kScore && views.scores.size() == count) {
    auto scaled = scaled_to_positions(views.scores);
    if (!scaled.empty()) return scaled;
  }
  std::vector<double> utilities;
  for (std::size_t candidate = 0; candidate < count; ++candidate) utilities.push_back(worth_of(candidate, utility));
  return utilities;
}

/// Fused utility of every candidate, in steps of 1e-9.
std::vector<std::int64_t> fused_utilities(const CandidateViews& views, double weight, Utility utility) {
  if (!(weight >= 0 && weight <= 1)) {
    throw InternalError(fmt::format("aggregation: weight {}, expected 0 to 1", weight));
  }
  const auto of_language_model = language_model_utilities(views, utility);
  const auto of_backbone = backbone_utilities(views, utility);
  std::vector<std::int64_t> utilities;
  for (std::size_t candidate = 0; candidate < of_language_model.size(); ++candidate) {
    const double fused = weight * of_backbone[candidate] + (1 - weight) * of_language_model[candidate];
    utilities.push_back(std::llround(kUtilitySteps * fused));
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

std::vector<std::int64_t> fuse_positions(const CandidateViews& views, double weight, Utility utility) {
  return descending(fused_utilities(views, weight, utility));
}

std::size_t fused_position(const CandidateViews& views, double weight, std::int64_t candidate, Utility utility) {
  const auto utilities = fused_utilities(views, weight, utility);
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
