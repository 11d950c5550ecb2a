// The choice of a1 and a2 on validation: a grid of adaptive weights beside every constant weight.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aggregation/aggregation_options.h"
#include "aggregation/fusion.h"
#include "aggregation/long_tail.h"

namespace llama4rec::aggregation {

/// One validation user of a top-k task.
struct RankingCase {
  std::vector<std::int64_t> language_model_order;  ///< as for `fuse_positions`; its length is the number of candidates
  std::int64_t target = -1;                        ///< the target's number among the candidates; -1 = not among them
  std::int64_t interactions = 0;                   ///< N(u), in the training part
  std::vector<double> log_probabilities = {};  ///< by candidate, for Utility::kProbability and kScore; empty: not told
  std::vector<double> scores = {};             ///< the backbone's, by candidate, for Utility::kScore; empty: not told
};

/// One validation rating.
struct RatingCase {
  double conventional = 0;
  double language_model = 0;
  double rating = 0;  ///< the true one
  std::int64_t interactions = 0;
};

/// One cell (a1, a2) of the grid.
struct AdaptiveCell {
  double a1 = 0;
  double a2 = 0;
  double value = 0;  ///< the metric over the validation users
  /// a2 >= a1: every user has the weight a2, nothing is adaptive.
  [[nodiscard]] bool constant() const { return a2 >= a1; }
};

/// One weight for every user.
struct ConstantCell {
  double weight = 0;
  double value = 0;
};

/// The full table of a choice, for the report, and what was chosen.
struct WeightChoice {
  std::string metric;
  std::vector<AdaptiveCell> cells;      ///< in the order of a1, then a2, as the options list them
  std::vector<ConstantCell> constants;  ///< 0.0, 0.1, ..., 1.0: from the language model alone to the backbone alone
  AdaptiveCell best;
  ConstantCell best_constant;
  double uniform = 0;  ///< the value of the constant weight 0.5: the ablation without adaptive aggregation

  [[nodiscard]] AdaptiveWeights weights(const LongTailScale& scale) const { return {scale, best.a1, best.a2}; }
};

/// Evaluates every cell by `options.metric` (mean over the users; a target that is not among the candidates counts 0) and
/// takes the highest. Equal values (to 1e-12), which the cells with a2 >= a1 always have, are told apart by the smallest
/// |a1 - 0.5| + |a2 - 0.5|, that is the nearest to uniform aggregation, then the smaller a2, then the smaller a1; constants by
/// |weight - 0.5|, then the smaller weight. Without cases all values are 0 and the nearest to uniform is taken.
/// UsageError when a list of choices is empty.
WeightChoice choose_weights(std::span<const RankingCase> cases, const LongTailScale& scale,
                            const AggregationOptions& options, Utility utility = Utility::kPosition);

/// The same for rating prediction: the lowest RMSE.
WeightChoice choose_rating_weights(std::span<const RatingCase> cases, const LongTailScale& scale,
                                   const AggregationOptions& options);

}  // namespace llama4rec::aggregation
