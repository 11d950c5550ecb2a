#include "evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {
namespace {

double mean(const std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Position from 1 of the target in the list; 0 where it is not in it.
std::size_t position_of(const std::vector<ItemIndex>& list, ItemIndex target) {
  if (target < 0) return 0;
  const auto found = std::find(list.begin(), list.end(), target);
  return found == list.end() ? 0 : static_cast<std::size_t>(found - list.begin()) + 1;
}

}  // namespace

PerUser top_k_metrics(std::span<const std::vector<ItemIndex>> lists, std::span<const ItemIndex> targets,
                      const std::vector<std::int64_t>& cutoffs) {
  if (lists.size() != targets.size()) {
    throw InternalError(fmt::format("metrics: {} lists for {} targets", lists.size(), targets.size()));
  }
  std::vector<std::size_t> positions(lists.size());
  for (std::size_t i = 0; i < lists.size(); ++i) positions[i] = position_of(lists[i], targets[i]);

  PerUser result;
  for (const std::int64_t k : cutoffs) {
    if (k < 1) throw InternalError(fmt::format("metrics: cutoff {}, expected 1 or more", k));
    std::vector<double> hits(lists.size(), 0.0);
    std::vector<double> gains(lists.size(), 0.0);
    std::vector<double> reciprocals(lists.size(), 0.0);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      if (positions[i] == 0 || positions[i] > static_cast<std::size_t>(k)) continue;
      const auto position = static_cast<double>(positions[i]);
      hits[i] = 1.0;
      gains[i] = 1.0 / std::log2(1.0 + position);
      reciprocals[i] = 1.0 / position;
    }
    result[fmt::format("Recall@{}", k)] = hits;
    result[fmt::format("H@{}", k)] = std::move(hits);
    result[fmt::format("N@{}", k)] = std::move(gains);
    result[fmt::format("MRR@{}", k)] = std::move(reciprocals);
  }
  return result;
}

PerUser rating_errors(std::span<const float> predictions, std::span<const float> ratings) {
  if (predictions.size() != ratings.size()) {
    throw InternalError(fmt::format("metrics: {} predictions for {} ratings", predictions.size(), ratings.size()));
  }
  std::vector<double> squared(ratings.size());
  std::vector<double> absolute(ratings.size());
  for (std::size_t i = 0; i < ratings.size(); ++i) {
    const double error = static_cast<double>(predictions[i]) - static_cast<double>(ratings[i]);
    if (!std::isfinite(error)) {
      throw InternalError(fmt::format("metrics: prediction {} of rating {} (pair {})", predictions[i], ratings[i], i));
    }
    squared[i] = error * error;
    absolute[i] = std::abs(error);
  }
  return {{"squared_error", std::move(squared)}, {"absolute_error", std::move(absolute)}};
}

std::map<std::string, double> means(const PerUser& values) {
  std::map<std::string, double> result;
  for (const auto& [name, per_user] : values) result[name] = mean(per_user);
  return result;
}

std::map<std::string, double> rating_metrics(const PerUser& errors) {
  const auto squared = errors.find("squared_error");
  const auto absolute = errors.find("absolute_error");
  if (squared == errors.end() || absolute == errors.end()) {
    throw InternalError("metrics: RMSE and MAE need squared_error and absolute_error");
  }
  return {{"RMSE", std::sqrt(mean(squared->second))}, {"MAE", mean(absolute->second)}};
}

std::vector<int> quintiles(std::span<const std::int64_t> counts) {
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });

  std::vector<int> result(counts.size(), 0);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && counts[order[end]] == counts[order[begin]]) ++end;
    // A run of equal counts goes where its middle lies: floor(5 * (begin + end) / 2n), which is below 5.
    const auto segment = static_cast<int>(5 * (begin + end) / (2 * order.size()));
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = segment;
    begin = end;
  }
  return result;
}

}  // namespace llama4rec::evaluation
