// Fusion of the backbone's and the language model's view of a user's candidates (paper, eq. 5).
//
// The candidates 0..k'-1 are numbered in the backbone's order. A model that puts a candidate at position s (from 1) gives it
// the utility -s * C, with C = 1 (the paper's; another C scales all utilities and changes no order), or 1 / s. A language model that tells
// how probable each candidate is may also be taken at its word, and so may a backbone's scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llama4rec::aggregation {

/// What a candidate's place is worth.
enum class Utility {
  kPosition,     ///< -s: all positions matter alike (the paper)
  kReciprocal,   ///< 1 / s: the first ones matter most
  kProbability,  ///< the backbone's as kPosition; the language model's log-probabilities, moved and scaled to the mean and deviation of -1..-k'
  kScore,        ///< as kProbability, and the backbone's scores in the same way: how sure each of the two is
};

/// What the two models say about a user's candidates.
struct CandidateViews {
  /// The candidates' numbers, best first: a permutation of 0..k'-1, else InternalError.
  std::span<const std::int64_t> order;
  /// The language model's, by candidate; what kProbability and kScore need: without them, or where they are all equal or not finite, they take
  /// the positions.
  std::span<const double> log_probabilities;
  std::span<const double> scores;  ///< the backbone's, by candidate, so descending; what kScore needs, likewise

  // NOLINTNEXTLINE(google-explicit-constructor): an order is a view
  CandidateViews(const std::vector<std::int64_t>& candidates) : order(candidates) {}
  CandidateViews(const std::vector<std::int64_t>& candidates, const std::vector<double>& probabilities)
      : order(candidates), log_probabilities(probabilities) {}
  CandidateViews(const std::vector<std::int64_t>& candidates, const std::vector<double>& probabilities,
                 const std::vector<double>& of_backbone)
      : order(candidates), log_probabilities(probabilities), scores(of_backbone) {}
};

/// The candidates by descending fused utility U = weight * U_conv + (1 - weight) * U_llm; ties go by the backbone's position. InternalError
/// for a weight outside [0, 1]. Utilities closer than 1e-9 are ties, so that rounding decides nothing.
std::vector<std::int64_t> fuse_positions(const CandidateViews& views, double weight,
                                         Utility utility = Utility::kPosition);

/// Position (from 0) of one candidate in the order of `fuse_positions`, without making the order.
std::size_t fused_position(const CandidateViews& views, double weight, std::int64_t candidate,
                           Utility utility = Utility::kPosition);

/// weight * conventional + (1 - weight) * language_model: eq. 5 with the two predicted ratings as utilities.
double fuse_ratings(double conventional, double language_model, double weight);

/// Pointwise ranking: the candidates by descending rating that the language model predicts for each; ties go by the backbone's
/// position. InternalError for a rating that is not finite.
std::vector<std::int64_t> order_by_ratings(std::span<const double> ratings);

}  // namespace llama4rec::aggregation
