// What the rating predictors of this layer share: biases, provenance, checked arguments, the rating scale.
#pragma once

#include <span>
#include <vector>

#include "recommenders/model_file.h"

namespace llama4rec::recommenders {

/// Ratings as mean + user's deviation + item's deviation. Users and items that training did not see deviate by 0.
struct RatingBiases {
  double mean = 0;
  std::vector<double> users;  ///< [users]
  std::vector<double> items;  ///< [items]
};

/// Checks every example: DataError for an index outside the data, a rating that is not a number or outside the scale, or no example.
void check_examples(const RatingTrainingData& data);

/// Minimises sum of (r - mean - b_u - b_i)^2 + user_weight * b_u^2 + item_weight * b_i^2 by exact alternation over users
/// and items, until no bias moves by more than 1e-6 (at most 1000 sweeps). The mean is that of the examples.
RatingBiases fit_biases(const RatingTrainingData& data, double user_weight, double item_weight);

/// Keeps scale and provenance; clamps predictions to the scale.
class RatingBase : public RatingPredictor {
 public:
  [[nodiscard]] torch::Tensor predict(std::span<const UserIndex> users,
                                      std::span<const ItemIndex> items) const override;
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }

 protected:
  void begin_fit(const RatingTrainingData& data);
  void begin_load(const ModelFile& content, const std::filesystem::path& file);
  [[nodiscard]] ModelFile file_content() const;
  /// A prediction before it is clamped. Indices are not negative but may be beyond those of training.
  [[nodiscard]] virtual double raw_prediction(UserIndex user, ItemIndex item) const = 0;
  /// Of the biases' part of a prediction.
  [[nodiscard]] double bias_prediction(UserIndex user, ItemIndex item) const;

  RatingBiases biases_;

 private:
  float minimum_ = 1;
  float maximum_ = 5;
  Provenance provenance_;
};

}  // namespace llama4rec::recommenders
