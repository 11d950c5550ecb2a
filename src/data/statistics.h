// What `data stats` tells about a data set: the paper's Table III, and what the tasks make of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "data/load.h"

namespace llama4rec::data {

/// One task's split in figures.
struct TaskStatistics {
  std::string task;
  std::int64_t train = 0;
  std::int64_t validation = 0;
  std::int64_t test = 0;               ///< equal to the number of users with a test item
  std::int64_t train_only_users = 0;   ///< users with too few interactions for a test item
  std::int64_t unseen_test_items = 0;  ///< test interactions whose item is not in train
  std::int64_t tied_users = 0;         ///< users whose validation and test interaction share a timestamp
};

struct DatasetStatistics {
  std::string name;
  bool synthetic = false;
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::int64_t ratings = 0;
  double density = 0;  ///< ratings / (users x items)
  std::vector<std::string> user_features;
  std::vector<std::string> item_features;  ///< title first, where there are titles
  float positive_threshold = 0;
  std::int64_t positives = 0;
  std::vector<TaskStatistics> tasks;
  /// Users whose last two interactions share a timestamp: there the position in the file decides.
  std::int64_t equal_last_timestamps = 0;
  bool has_timestamps = true;
  std::int64_t repeated_titles = 0;  ///< items whose title an earlier item has
  std::int64_t empty_titles = 0;
  std::vector<DatasetNotice> notices;
  std::string source_hash;
};

DatasetStatistics describe(const LoadedData& data);

/// The figures as an aligned Markdown table. The density has six digits, cut off like the paper's.
std::string to_table(const DatasetStatistics& statistics);
/// Several data sets side by side, as the paper's Table III has them.
std::string to_comparison(const std::vector<DatasetStatistics>& statistics);
nlohmann::ordered_json to_json(const DatasetStatistics& statistics);

}  // namespace llama4rec::data
