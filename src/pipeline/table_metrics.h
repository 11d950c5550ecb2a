// The metrics of a run's table: top-k ones, or a rating predictor's errors.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "evaluation/metrics.h"

namespace llama4rec::pipeline {

struct TableMetrics {
  std::vector<std::string> names;     ///< in the order of the table: H@3, N@3, H@5, N@5, ...; or RMSE, MAE
  std::vector<std::string> per_user;  ///< beside `names`: the users' values that tests pair ("squared_error" for RMSE)
  bool lower_is_better = false;

  /// The metrics of users' values.
  [[nodiscard]] std::map<std::string, double> summarise(const evaluation::PerUser& values) const;
  /// Whether `value` of a metric is better than `other`.
  [[nodiscard]] bool better(double value, double other) const {
    return lower_is_better ? value < other : value > other;
  }
};

TableMetrics top_k_table_metrics(const std::vector<std::int64_t>& cutoffs);
TableMetrics rating_table_metrics();

}  // namespace llama4rec::pipeline
