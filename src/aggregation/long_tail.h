// Adaptive aggregation's weights: the fewer interactions a user has, the less the conventional model weighs (paper, eq. 4 and 6).
#pragma once

#include <cstdint>
#include <span>

namespace llama4rec::aggregation {

/// Long-tail coefficient l_u = ln(N(u) + 1) (eq. 4); N(u) = the user's interactions in the training part, at least 0.
double long_tail_coefficient(std::int64_t interactions);

/// Adaptive weight a_u = max(a1 * (l_u - l_min) / (l_max - l_min), a2) (eq. 6). The fraction is 1 where l_max = l_min, and is
/// held inside [0, 1] for a user outside the range, so that a_u lies in [a2, max(a1, a2)].
double adaptive_weight(double coefficient, double minimum, double maximum, double a1, double a2);

/// The range of the long-tail coefficients, from which each user's place in it follows.
class LongTailScale {
 public:
  /// `interactions` are N(u) of the training users; users without any are no training users and are left out.
  explicit LongTailScale(std::span<const std::int64_t> interactions);

  [[nodiscard]] double minimum() const { return minimum_; }
  [[nodiscard]] double maximum() const { return maximum_; }
  /// a_u of a user with `interactions` = N(u) under the cell (a1, a2).
  [[nodiscard]] double weight(std::int64_t interactions, double a1, double a2) const {
    return adaptive_weight(long_tail_coefficient(interactions), minimum_, maximum_, a1, a2);
  }

 private:
  double minimum_ = 0;
  double maximum_ = 0;
};

/// A scale with the chosen a1 and a2: the weights of the finished method.
class AdaptiveWeights {
 public:
  AdaptiveWeights(LongTailScale scale, double a1, double a2);

  /// a_u of a user with `interactions` = N(u).
  [[nodiscard]] double of(std::int64_t interactions) const { return scale_.weight(interactions, a1_, a2_); }
  [[nodiscard]] double a1() const { return a1_; }
  [[nodiscard]] double a2() const { return a2_; }

 private:
  LongTailScale scale_;
  double a1_;
  double a2_;
};

}  // namespace llama4rec::aggregation
