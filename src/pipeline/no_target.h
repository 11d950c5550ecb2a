// What is said where an evaluation has nobody to evaluate.
#pragma once

#include <string>

#include "data/split.h"
#include "evaluation/evaluation_options.h"

namespace llama4rec::pipeline {

/// One line: the data set, what its users lack in `part`, what was expected.
std::string no_target(const Dataset& dataset, const data::Split& split, data::Part part,
                      const evaluation::EvaluationOptions& options);

}  // namespace llama4rec::pipeline
