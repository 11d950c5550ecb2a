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

/// All of the below at once. `seed` is that of the bootstrap. Values that are not finite and spans of different
/// length throw InternalError, here and below; differences that are mere rounding (1e-12 of the values) count as zero.
PairedComparison compare(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                         std::int64_t bootstrap_samples = 2000);

/// Two-sided paired t-test; 1 with fewer than two pairs or no variation around zero.
double paired_t_test(std::span<const double> before, std::span<const double> after);

/// Two-sided Wilcoxon signed-rank test. Pairs without a difference are dropped (Wilcoxon's own treatment, R's and SciPy's
/// default); equal absolute differences share their mean rank; normal approximation with the variance corrected for ties
/// and a continuity correction of 1/2. 1 where no pair differs.
double wilcoxon_signed_rank_test(std::span<const double> before, std::span<const double> after);

/// Bounds of a confidence interval.
struct Interval {
  double low = 0;
  double high = 0;
};

/// 95% percentile interval of the mean of after - before: users are drawn with replacement `samples` times; the bounds
/// are the 2.5% and 97.5% quantiles of the means, interpolated linearly. Equal seeds give equal intervals.
Interval bootstrap_interval(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                            std::int64_t samples);

/// The same of the difference of the roots of the means: of an RMSE, given squared errors.
Interval bootstrap_root_interval(std::span<const double> before, std::span<const double> after, std::uint64_t seed,
                                 std::int64_t samples);

/// Smallest true mean difference that the two-sided paired t-test at 5% finds with 80% power, given the standard deviation of
/// the observed differences: exact by the noncentral t distribution, without the far tail's negligible share. Infinite
/// with fewer than two pairs; 0 where the differences do not vary.
double minimum_detectable_difference(std::span<const double> before, std::span<const double> after);

/// Holm's step-down adjustment, in the order given.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace llama4rec::evaluation
