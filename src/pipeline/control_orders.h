// Other orders of the same candidates in the language model's place: what a gain by fusion means (docs/protocol.md, controls).
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

#include "pipeline/language_model_ranking.h"
#include "pipeline/ranking_cases.h"

namespace llama4rec::pipeline {

/// What stands in the language model's place. By user.
struct ControlOrders {
  std::vector<CandidateOrder> orders;
  std::vector<std::vector<double>>
      scores;  ///< by candidate, for fusion by more than positions; empty where chance orders
};

/// The candidates by a recommender's scores.
ControlOrders orders_by(const TopKRecommender& model, const PhaseCases& cases);

/// The candidates in a random order.
ControlOrders random_orders(const PhaseCases& cases, std::uint64_t seed);

}  // namespace llama4rec::pipeline
