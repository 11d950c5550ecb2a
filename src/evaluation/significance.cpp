#include "evaluation/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "core/random.h"

namespace llama4rec::evaluation {
namespace {

constexpr double kLevel = 0.05;
constexpr double kPower = 0.8;
constexpr double kRounding = 1e-12;  // relative; differences below it are rounding

std::vector<double> differences(std::span<const double> before, std::span<const double> after) {
  if (before.size() != after.size()) {
    throw InternalError(fmt::format("paired test: {} values before, {} after", before.size(), after.size()));
  }
  std::vector<double> result(before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    result[i] = after[i] - before[i];
    if (!std::isfinite(result[i])) {
      throw InternalError(fmt::format("paired test: values {} and {} of pair {}", before[i], after[i], i));
    }
    // Means over seeds that are equal on paper differ in the last bit; a signed-rank test would rank that bit.
    if (std::abs(result[i]) <= kRounding * std::max(std::abs(before[i]), std::abs(after[i]))) result[i] = 0;
  }
  return result;
}

struct Moments {
  double mean = 0;
  double deviation = 0;  ///< sample standard deviation (n - 1); 0 with fewer than two values
};

Moments moments(const std::vector<double>& values) {
  Moments result;
  if (values.empty()) return result;
  const auto count = static_cast<double>(values.size());
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / (count - 1));
  return result;
}

double t_test(const std::vector<double>& values) {
  if (values.size() < 2) return 1;
  const auto [mean, deviation] = moments(values);
  if (mean == 0) return 1;
  if (deviation == 0) return 0;
  const auto count = static_cast<double>(values.size());
  const double t = mean / (deviation / std::sqrt(count));
  return 2 * boost::math::cdf(boost::math::students_t(count - 1), -std::abs(t));
}

double signed_rank_test(std::vector<double> values) {
  std::erase(values, 0.0);
  if (values.empty()) return 1;
  std::sort(values.begin(), values.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  const double tolerance = kRounding * std::abs(values.back());

  const auto count = static_cast<double>(values.size());
  double positive_ranks = 0;
  double tie_correction = 0;
  for (std::size_t begin = 0; begin < values.size();) {
    std::size_t end = begin + 1;
    while (end < values.size() && std::abs(values[end]) - std::abs(values[begin]) <= tolerance) ++end;
    const double mean_rank = static_cast<double>(begin + 1 + end) / 2;
    for (std::size_t i = begin; i < end; ++i) positive_ranks += values[i] > 0 ? mean_rank : 0;
    const auto tied = static_cast<double>(end - begin);
    tie_correction += tied * tied * tied - tied;
    begin = end;
  }
  const double deviation = std::sqrt(count * (count + 1) * (2 * count + 1) / 24 - tie_correction / 48);
  const double distance = std::abs(positive_ranks - count * (count + 1) / 4);
  const double z = std::max(0.0, distance - 0.5) / deviation;
  return std::erfc(z / std::sqrt(2.0));
}

/// Quantile of sorted values with linear interpolation (R's type 7).
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval bootstrap(const std::vector<double>& values, std::uint64_t seed, std::int64_t samples) {
  if (samples < 1) throw InternalError(fmt::format("bootstrap: {} samples, expected 1 or more", samples));
  if (values.empty()) return {};
  RandomStream random(seed, "evaluation.bootstrap");
  std::vector<double> sampled(static_cast<std::size_t>(samples));
  for (double& mean : sampled) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[random.below(values.size())];
    mean = sum / static_cast<double>(values.size());
  }
  std::sort(sampled.begin(), sampled.end());
  return {.low = quantile(sampled, kLevel / 2), .high = quantile(sampled, 1 - kLevel / 2)};
}

/// Noncentrality at which the test statistic exceeds `critical` with probability kPower; its distribution function falls
/// with the noncentrality, so halving finds it.
double noncentrality(double freedom, double critical) {
  const auto power = [&](double shift) {
    return boost::math::cdf(boost::math::complement(boost::math::non_central_t(freedom, shift), critical));
  };
  double low = 0;
  double high = 2 * critical + 2;
  while (power(high) < kPower) high *= 2;
  while (high - low > 1e-10 * high) {
    const double middle = (low + high) / 2;
    (power(middle) < kPower ? low : high) = middle;
  }
  return high;
}

double detectable(const std::vector<double>& values) {
  if (values.size() < 2) return std::numeric_limits<double>::infinity();
  const double deviation = moments(values).deviation;
  if (deviation == 0) return 0;
  const auto count = static_cast<double>(values.size());
  const double critical = boost::math::quantile(boost::math::students_t(count - 1), 1 - kLevel / 2);
  return noncentrality(count - 1, critical) * deviation / std::sqrt(count);
}

}  // namespace

PairedComparison compare(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                         std::int64_t bootstrap_samples) {
  const auto values = differences(before, after);
  const auto [low, high] = bootstrap(values, seed, bootstrap_samples);
  return {.difference = moments(values).mean,
          .interval_low = low,
          .interval_high = high,
          .t_test_p = t_test(values),
          .wilcoxon_p = signed_rank_test(values),
          .detectable = detectable(values),
          .pairs = static_cast<std::int64_t>(values.size())};
}

double paired_t_test(std::span<const double> before, std::span<const double> after) {
  return t_test(differences(before, after));
}

double wilcoxon_signed_rank_test(std::span<const double> before, std::span<const double> after) {
  return signed_rank_test(differences(before, after));
}

Interval bootstrap_interval(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                            std::int64_t samples) {
  return bootstrap(differences(before, after), seed, samples);
}

Interval bootstrap_root_interval(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                                 std::int64_t samples) {
  (void)differences(before, after);  // refuses what cannot be paired
  if (samples < 1) throw InternalError(fmt::format("bootstrap: {} samples, expected 1 or more", samples));
  if (before.empty()) return {};
  RandomStream random(seed, "evaluation.bootstrap");
  const auto count = static_cast<double>(before.size());
  std::vector<double> sampled(static_cast<std::size_t>(samples));
  for (double& difference : sampled) {
    double sum_before = 0;
    double sum_after = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto drawn = random.below(before.size());
      sum_before += before[drawn];
      sum_after += after[drawn];
    }
    difference = std::sqrt(sum_after / count) - std::sqrt(sum_before / count);
  }
  std::sort(sampled.begin(), sampled.end());
  return {.low = quantile(sampled, kLevel / 2), .high = quantile(sampled, 1 - kLevel / 2)};
}

double minimum_detectable_difference(std::span<const double> before, std::span<const double> after) {
  return detectable(differences(before, after));
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t step = 0; step < order.size(); ++step) {
    const double p = p_values[order[step]];
    if (!(p >= 0 && p <= 1)) throw InternalError(fmt::format("Holm: p-value {}, expected 0 to 1", p));
    largest = std::max(largest, std::min(1.0, p * static_cast<double>(p_values.size() - step)));
    adjusted[order[step]] = largest;
  }
  return adjusted;
}

}  // namespace llama4rec::evaluation
