#include "aggregation/grid.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::aggregation {
namespace {

constexpr double kUniform = 0.5;
constexpr double kTie = 1e-12;
constexpr int kConstantSteps = 10;

/// A top-k metric by its name: "H@3", "N@5", "MRR@10".
struct Metric {
  enum class Kind { kHit, kGain, kReciprocal };
  Kind kind = Kind::kGain;
  std::size_t cutoff = 0;

  /// The value of one target at `position` (from 1).
  [[nodiscard]] double value(std::size_t position) const {
    if (position > cutoff) return 0;
    const auto place = static_cast<double>(position);
    if (kind == Kind::kHit) return 1;
    return kind == Kind::kGain ? 1 / std::log2(1 + place) : 1 / place;
  }
};

Metric parse_metric(const std::string& name) {
  const auto at = std::string_view(name).find('@');
  const auto prefix = std::string_view(name).substr(0, at);
  Metric metric;
  if (prefix == "H") {
    metric.kind = Metric::Kind::kHit;
  } else if (prefix == "MRR") {
    metric.kind = Metric::Kind::kReciprocal;
  } else if (prefix != "N") {
    throw UsageError(fmt::format("aggregation.metric: \"{}\", expected H@k, N@k or MRR@k", name));
  }
  const char* begin = at == std::string::npos ? name.data() + name.size() : name.data() + at + 1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, metric.cutoff);
  if (error != std::errc() || stop != end || metric.cutoff == 0) {
    throw UsageError(fmt::format("aggregation.metric: \"{}\", expected H@k, N@k or MRR@k", name));
  }
  return metric;
}

enum class Better { kHigher, kLower };

/// The value of a table's cell, from the weight that it gives to a user with so many interactions.
using Evaluate = std::function<double(const std::function<double(std::int64_t interactions)>& weight)>;

/// The best cell; among equal values the one whose `preference` is the smallest.
template <class Cell, class Preference>
Cell best_of(const std::vector<Cell>& cells, Better better, const Preference& preference) {
  const double sign = better == Better::kHigher ? 1 : -1;
  double best_value = -std::numeric_limits<double>::infinity();
  for (const auto& cell : cells) best_value = std::max(best_value, sign * cell.value);
  const Cell* best = nullptr;
  for (const auto& cell : cells) {
    if (sign * cell.value < best_value - kTie) continue;
    if (best == nullptr || preference(cell) < preference(*best)) best = &cell;
  }
  if (best == nullptr) throw InternalError("aggregation: no cell has a value");
  return *best;
}

/// |x - 0.5| without rounding noise, so that 0.3 and 0.7 are equally far.
std::int64_t from_uniform(double weight) { return std::llround(1e9 * std::abs(weight - kUniform)); }

WeightChoice sweep(const std::string& metric, Better better, const LongTailScale& scale,
                   const AggregationOptions& options, const Evaluate& evaluate) {
  if (options.a1.empty() || options.a2.empty()) {
    throw UsageError(fmt::format("aggregation.a{}_choices: the list is empty, expected at least one number",
                                 options.a1.empty() ? 1 : 2));
  }
  WeightChoice choice{.metric = metric, .cells = {}, .constants = {}, .best = {}, .best_constant = {}};
  for (const double a1 : options.a1) {
    for (const double a2 : options.a2) {
      const double value = evaluate([&](std::int64_t interactions) { return scale.weight(interactions, a1, a2); });
      choice.cells.push_back({a1, a2, value});
    }
  }
  for (int step = 0; step <= kConstantSteps; ++step) {
    const double weight = static_cast<double>(step) / kConstantSteps;
    choice.constants.push_back({weight, evaluate([&](std::int64_t) { return weight; })});
  }
  choice.best = best_of(choice.cells, better, [](const AdaptiveCell& cell) {
    return std::tuple(from_uniform(cell.a1) + from_uniform(cell.a2), cell.a2, cell.a1);
  });
  choice.best_constant = best_of(choice.constants, better, [](const ConstantCell& cell) {
    return std::tuple(from_uniform(cell.weight), cell.weight);
  });
  choice.uniform = choice.constants[kConstantSteps / 2].value;
  return choice;
}

}  // namespace

WeightChoice choose_weights(std::span<const RankingCase> cases, const LongTailScale& scale,
                            const AggregationOptions& options, Utility utility) {
  const Metric metric = parse_metric(options.metric);
  return sweep(options.metric, Better::kHigher, scale, options, [&](const auto& weight) {
    double sum = 0;
    for (const RankingCase& it : cases) {
      if (it.target < 0) continue;
      const CandidateViews views(it.language_model_order, it.log_probabilities, it.scores);
      sum += metric.value(fused_position(views, weight(it.interactions), it.target, utility) + 1);
    }
    return cases.empty() ? 0 : sum / static_cast<double>(cases.size());
  });
}

WeightChoice choose_rating_weights(std::span<const RatingCase> cases, const LongTailScale& scale,
                                   const AggregationOptions& options) {
  return sweep("RMSE", Better::kLower, scale, options, [&](const auto& weight) {
    double sum = 0;
    for (const auto& [conventional, language_model, rating, interactions] : cases) {
      const double error = fuse_ratings(conventional, language_model, weight(interactions)) - rating;
      sum += error * error;
    }
    const double value = cases.empty() ? 0 : std::sqrt(sum / static_cast<double>(cases.size()));
    if (!std::isfinite(value)) throw InternalError("aggregation: a predicted or true rating is not a number");
    return value;
  });
}

}  // namespace llama4rec::aggregation
