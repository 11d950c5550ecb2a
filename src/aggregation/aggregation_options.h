// Options of adaptive aggregation.
#pragma once

#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::aggregation {

struct AggregationOptions {
  std::vector<double> a1 = {0.1, 0.3, 0.5, 0.7, 0.9};
  std::vector<double> a2 = {0.1, 0.3, 0.5, 0.7, 0.9};
  std::string metric = "N@5";  ///< what chooses a1 and a2 on validation, for top-k tasks; ratings use RMSE
  std::string utility =
      "position";  ///< of the method's own fusion in top-k tasks: position, reciprocal, probability, validation
  std::string augmentations =
      "both";  ///< which halves of mutual augmentation the method's own row uses: both, validation
  void declare(config::OptionVisitor& visit);
};

}  // namespace llama4rec::aggregation
