// The statistics of the evaluation protocol: paired tests over users, intervals, correction for many tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace llama4rec::evaluation {

/// A paired comparison of `after` with `before`, one value per user (averaged over seeds before).
struct PairedComparison {
  double difference = 0;    ///< mean of after - before
  double interval_low = 0;  ///< 95% bootstrap interval of the difference
  double interval_high = 0;
  double t_test_p = 1;    ///< two-sided; 1 where all differences are zero
  double wilcoxon_p = 1;  ///< two-sided signed-rank, normal approximation with ties and continuity correction
  double detectable = 0;  ///< smallest difference that the t-test finds with 80% power at 5%
  std::int64_t pairs = 0;
};

PairedComparison compare(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                         std::int64_t bootstrap_samples = 2000);

/// Two-sided paired t-test; 1 with fewer than two pairs or no variation around zero.
double paired_t_test(std::span<const double> before, std::span<const double> after);

/// Holm's step-down adjustment, in the order given.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace llama4rec::evaluation
