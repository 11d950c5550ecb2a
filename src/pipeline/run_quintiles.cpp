#include "pipeline/run_quintiles.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "evaluation/metrics.h"
#include "evaluation/significance.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kQuintiles = 5;
constexpr std::int64_t kSamples = 2000;

std::vector<double> chosen(const std::vector<double>& values, const std::vector<std::size_t>& members) {
  std::vector<double> result;
  result.reserve(members.size());
  for (const std::size_t member : members) result.push_back(values[member]);
  return result;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

/// A metric is the mean of its users' values, an RMSE the root of the mean.
bool is_root(const TableMetrics& metrics, std::size_t index) { return metrics.per_user[index] == "squared_error"; }

Json row_of(const TableRow& row, const TableRow& base, const TableMetrics& metrics,
            const std::vector<std::size_t>& members, std::uint64_t seed) {
  Json result{{"name", row.name}, {"title", row.title}};
  for (std::size_t n = 0; n < metrics.names.size(); ++n) {
    const auto values = chosen(row.per_user.at(metrics.per_user[n]), members);
    const double value = is_root(metrics, n) ? std::sqrt(mean(values)) : mean(values);
    result["metrics"][metrics.names[n]] = value;
    if (&row == &base) continue;
    const auto before = chosen(base.per_user.at(metrics.per_user[n]), members);
    const double base_value = is_root(metrics, n) ? std::sqrt(mean(before)) : mean(before);
    const auto interval = is_root(metrics, n) ? evaluation::bootstrap_root_interval(before, values, seed, kSamples)
                                              : evaluation::bootstrap_interval(before, values, seed, kSamples);
    result["difference"][metrics.names[n]] = {
        {"value", value - base_value}, {"low", interval.low}, {"high", interval.high}};
  }
  return result;
}

}  // namespace

Json quintiles_of(const RunTable& table, std::span<const std::int64_t> counts, std::uint64_t seed) {
  if (counts.size() != table.users.size()) {
    throw InternalError(fmt::format("quintiles: {} counts for {} users", counts.size(), table.users.size()));
  }
  const auto quintile_of = evaluation::quintiles(counts);
  Json result = Json::array();
  for (int quintile = 0; quintile < kQuintiles; ++quintile) {
    std::vector<std::size_t> members;
    for (std::size_t user = 0; user < counts.size(); ++user) {
      if (quintile_of[user] == quintile) members.push_back(user);
    }
    if (members.empty()) continue;
    const auto less = [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; };
    const auto [least, most] = std::minmax_element(members.begin(), members.end(), less);
    Json one{{"quintile", quintile + 1},
             {"minimum", counts[*least]},
             {"maximum", counts[*most]},
             {"users", members.size()},
             {"rows", Json::array()}};
    for (const char* name : {"base", "ift", "llama4rec"}) {
      one["rows"].push_back(row_of(row_named(table, name), row_named(table, "base"), table.metrics, members, seed));
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace llama4rec::pipeline
