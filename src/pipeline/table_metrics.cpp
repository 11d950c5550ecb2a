#include "pipeline/table_metrics.h"

#include <fmt/format.h>

namespace llama4rec::pipeline {

std::map<std::string, double> TableMetrics::summarise(const evaluation::PerUser& values) const {
  return lower_is_better ? evaluation::rating_metrics(values) : evaluation::means(values);
}

TableMetrics top_k_table_metrics(const std::vector<std::int64_t>& cutoffs) {
  TableMetrics metrics;
  for (const std::int64_t k : cutoffs) {
    metrics.names.push_back(fmt::format("H@{}", k));
    metrics.names.push_back(fmt::format("N@{}", k));
  }
  metrics.per_user = metrics.names;
  return metrics;
}

TableMetrics rating_table_metrics() {
  return {.names = {"RMSE", "MAE"}, .per_user = {"squared_error", "absolute_error"}, .lower_is_better = true};
}

}  // namespace llama4rec::pipeline
