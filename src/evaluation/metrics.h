// Metrics per user and their means.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

namespace llama4rec::evaluation {

/// Values per user, by metric name ("H@3", "N@5", "Recall@10", "MRR@10", "RMSE", "MAE"), each [users].
using PerUser = std::map<std::string, std::vector<double>>;

/// Top-k metrics of lists against one target per user (-1 = the target is a miss by definition: training never saw it).
/// For each k of `cutoffs`: H@k = 1 if the target is among the first k; N@k = 1 / log2(1 + position) of it; Recall@k (equal to H@k with
/// one target); MRR@k = 1 / position.
PerUser top_k_metrics(std::span<const std::vector<ItemIndex>> lists, std::span<const ItemIndex> targets,
                      const std::vector<std::int64_t>& cutoffs);

/// Squared and absolute errors by pair: "squared_error", "absolute_error".
PerUser rating_errors(std::span<const float> predictions, std::span<const float> ratings);

/// Mean of each metric.
std::map<std::string, double> means(const PerUser& values);

/// RMSE and MAE from `rating_errors`.
std::map<std::string, double> rating_metrics(const PerUser& errors);

/// Quintile 0..4 by ascending count, equal sizes as far as ties allow: equal counts are never split over two segments.
std::vector<int> quintiles(std::span<const std::int64_t> counts);

}  // namespace llama4rec::evaluation
