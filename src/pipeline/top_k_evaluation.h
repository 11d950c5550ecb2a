// Judging a top-k recommender on the validation or the test part under the evaluation protocol (docs/protocol.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/split.h"
#include "evaluation/evaluation_options.h"
#include "evaluation/metrics.h"
#include "evaluation/ranking.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {

/// Who is evaluated on a part, with what. All vectors have one entry per evaluated user.
struct TopKPart {
  std::vector<UserIndex> users;                ///< ascending
  std::vector<ItemIndex> targets;              ///< -1 where training never saw the item: a miss
  std::vector<std::vector<ItemIndex>> inputs;  ///< what a recommender scores from, oldest first
  std::vector<std::vector<ItemIndex>> masked;  ///< items that are never ranked
};

/// Validation: input and mask are the train part. Test: the validation item belongs to both. With `selfrec`: the input at
/// test is the train part; direct recommenders rank everything but the train part, sequential ones everything.
TopKPart top_k_part(const Dataset& dataset, const data::Split& split, data::Part part,
                    recommenders::RecommenderKind kind, const evaluation::EvaluationOptions& options);

/// What came out of an evaluation.
struct TopKEvaluation {
  std::vector<evaluation::RankedList> lists;  ///< by position in TopKPart::users
  evaluation::PerUser per_user;               ///< the same
  std::map<std::string, double> metrics;      ///< means over the users
  double seconds = 0;
};

/// Ranks all known items for every user of the part; lists are as long as the largest cutoff.
TopKEvaluation evaluate_top_k(const TopKRecommender& model, const TopKPart& part,
                              const std::vector<std::int64_t>& cutoffs);

/// The train part as training data, with its provenance.
TopKTrainingData training_data(const Dataset& dataset, const data::Split& split, const std::string& what);

}  // namespace llama4rec::pipeline
