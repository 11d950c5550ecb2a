// One entry for every data set: by name (ml-100k, ml-1m, book-crossing, sample) or by the folder of an imported one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

#include "config/options.h"
#include "data/split.h"

namespace llama4rec::data {

struct DataOptions {
  std::string directory;           ///< where data sets lie; empty: LLAMA4REC_DATA, then ./data, then ../shared/data
  double positive_threshold = -1;  ///< -1: the data set's own (4 for MovieLens, 8 for Book-Crossing)
  std::int64_t core = -1;          ///< k of the k-core; -1: the data set's own (5 for Book-Crossing, else 0 = none)
  std::int64_t order_seed = 1;     ///< permutation of a user's interactions where there are no timestamps
  std::int64_t tie_seed = 0;       ///< permutation of a user's interactions of one timestamp; 0: the file's order
  void declare(config::OptionVisitor& visit);
};

/// A data set with everything the tasks need.
struct LoadedData {
  Dataset dataset;
  float positive_threshold = 0;                     ///< resolved
  std::optional<std::vector<Part>> explicit_parts;  ///< where the data set came with its own split
  /// The task's split: explicit where given, else leave-one-out.
  [[nodiscard]] Split split(Task task) const;
};

/// Loads a data set by name or folder; DataError when it is not there, with where it was looked for and what to do.
LoadedData load(const std::string& name_or_directory, const DataOptions& options);

/// The folder a named data set would be read from, if there is one.
std::optional<std::filesystem::path> locate(const std::string& name, const DataOptions& options);

}  // namespace llama4rec::data
