// A run's table over its seeds: means, deviations, improvements, significance.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "evaluation/significance.h"
#include "pipeline/run_rows.h"
#include "pipeline/table_metrics.h"

namespace llama4rec::pipeline {

/// One row over all seeds.
struct TableRow {
  std::string name;
  std::string title;
  std::map<std::string, double> mean;                ///< by metric, over the seeds' values
  std::map<std::string, double> deviation;           ///< of the seeds' means (n - 1); 0 with one seed
  std::vector<std::map<std::string, double>> seeds;  ///< each seed's means
  std::vector<std::string> methods;                  ///< by seed; empty where the row has none
  std::vector<std::string> utilities;                ///< by seed; empty where nothing was fused
  std::vector<double> a1;
  std::vector<double> a2;
  std::vector<double> weights;     ///< constant weights by seed
  std::vector<double> validation;  ///< the choosing metric by seed; empty where the row was not looked at on validation
  evaluation::PerUser per_user;    ///< averaged over the seeds
};

/// Llama4Rec against the better of Base and IFT, metric by metric.
struct Improvement {
  std::string metric;
  std::string baseline;  ///< "base" or "ift": the better one
  double relative =
      0;  ///< (llama4rec - baseline) / baseline, with the sign turned where lower is better; 0 where the baseline is 0
  evaluation::PairedComparison
      over_users;           ///< each user's value averaged over the seeds, then paired; of RMSE the squared error
  double over_seeds_p = 1;  ///< paired t-test over the seeds' means; 1 with fewer than two seeds
  double holm_p = 1;        ///< over_users.t_test_p after Holm within this table
};

struct RunTable {
  std::vector<UserIndex> users;
  TableMetrics metrics;
  std::vector<TableRow> rows;
  std::vector<Improvement> improvements;  ///< by metric
};

/// The row of that name; it must be there.
const TableRow& row_named(const RunTable& table, const std::string& name);

/// Averages each user's values over the seeds and compares. All seeds have the same users and rows.
RunTable make_table(const std::vector<SeedRows>& seeds, const TableMetrics& metrics, std::uint64_t seed);

/// The table as JSON: `rows` and `improvements`.
nlohmann::ordered_json to_json(const RunTable& table);

/// The table for a terminal: Base, IFT, Llama4Rec, improvement, p-value; with `controls` every row.
std::string to_text(const RunTable& table, bool controls);

}  // namespace llama4rec::pipeline
