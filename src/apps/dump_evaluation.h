// Metrics of a dumped rankings or predictions file against a split: no model, no trainer, only ids and the data set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

#include "data/split.h"
#include "evaluation/evaluation_options.h"
#include "evaluation/segments.h"

namespace llama4rec::apps {

/// What a dump is held against.
struct DumpReference {
  const Dataset& dataset;
  const data::Split& split;             ///< of the task
  data::Part part = data::Part::kTest;  ///< kTest or kValidation: whose items are the targets
  const evaluation::EvaluationOptions& options;
};

/// The result for one file.
struct DumpEvaluation {
  std::int64_t users = 0;    ///< users (or rating pairs) that were judged
  std::int64_t ignored = 0;  ///< users of the file that have no target, or a cold one where only warm users count
  std::vector<std::string> metric_names;  ///< in the order in which people read them
  std::map<std::string, double> metrics;
  std::vector<evaluation::Segment> segments;  ///< by users, then by items
};

/// Top-k metrics of a rankings file. DataError with the file's line for: an unknown user or item; a ranked item that the
/// protocol masks (textbook: the train part, at test the validation item too; selfrec: the train part for the direct task,
/// nothing for the sequential one); a list that is shorter than the largest cutoff although more items could be ranked.
/// DataError without a line for a user who has a target but no list.
DumpEvaluation evaluate_rankings(const DumpReference& reference, const std::filesystem::path& file);

/// RMSE and MAE of a predictions file. DataError for an unknown user or item, a pair that is not the user's target, a rating
/// that is not the data set's, and a user who has a target but no row.
DumpEvaluation evaluate_predictions(const DumpReference& reference, const std::filesystem::path& file);

}  // namespace llama4rec::apps
