// Judging a rating predictor on the validation or the test part.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/split.h"
#include "evaluation/evaluation_options.h"
#include "evaluation/metrics.h"

namespace llama4rec::pipeline {

/// The pairs of a part; one entry per evaluated user.
struct RatingPart {
  std::vector<UserIndex> users;  ///< ascending
  std::vector<ItemIndex> items;
  std::vector<float> ratings;
};

/// Pairs whose item training never saw are left out only where the options count warm users.
RatingPart rating_part(const Dataset& dataset, const data::Split& split, data::Part part,
                       const evaluation::EvaluationOptions& options);

struct RatingEvaluation {
  std::vector<float> predictions;
  evaluation::PerUser per_user;           ///< "squared_error", "absolute_error"
  std::map<std::string, double> metrics;  ///< "RMSE", "MAE"
  double seconds = 0;
};

RatingEvaluation evaluate_rating(const RatingPredictor& model, const RatingPart& part);

/// The train part as training data, with its provenance. Points into `dataset`.
RatingTrainingData rating_training_data(const Dataset& dataset, const data::Split& split, const std::string& what);

}  // namespace llama4rec::pipeline
