// Controls of rating prediction: what a gain over a backbone means (docs/protocol.md).
#pragma once

#include <vector>

#include <llama4rec/recommender.h>

#include "pipeline/rating_cases.h"

namespace llama4rec::pipeline {

/// The model's prediction plus what the user's last five ratings lay above its predictions of them, shrunken:
/// prediction + sum of the residuals / (their number + 5); held inside the scale. No language model could do less.
std::vector<double> recency_corrected(const RatingPredictor& model, const RatingPhaseCases& cases,
                                      const Dataset& dataset);

}  // namespace llama4rec::pipeline
