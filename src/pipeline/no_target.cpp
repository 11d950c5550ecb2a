#include "pipeline/no_target.h"

#include <fmt/format.h>

namespace llama4rec::pipeline {

std::string no_target(const Dataset& dataset, const data::Split& split, data::Part part,
                      const evaluation::EvaluationOptions& options) {
  const bool positives_only = split.task() != data::Task::kRating;
  return fmt::format("data set {}: no user has a {} item for the {} task{}; expected users with at least 3 {}",
                     dataset.name, part == data::Part::kTest ? "test" : "validation", data::to_string(split.task()),
                     options.warm_only() ? " that training has seen (evaluation.users: warm)" : "",
                     positives_only ? "interactions rated at or above data.positive_threshold" : "ratings");
}

}  // namespace llama4rec::pipeline
