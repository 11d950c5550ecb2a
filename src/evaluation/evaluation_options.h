// How results are judged: the options of the evaluation protocol (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::evaluation {

struct EvaluationOptions {
  std::string protocol = "textbook";         ///< "textbook" or "selfrec"
  std::string users = "all";                 ///< "all" or "warm"
  std::vector<double> cutoffs = {3, 5, 10};  ///< the k of H@k, N@k, Recall@k, MRR@k
  void declare(config::OptionVisitor& visit);

  /// Items that the user has seen are never ranked; false for `selfrec`, where that depends on the kind of model.
  [[nodiscard]] bool textbook() const { return protocol == "textbook"; }
  /// Only users whose target occurs in training count.
  [[nodiscard]] bool warm_only() const { return users == "warm"; }
};

/// The cutoffs as ascending distinct integers; UsageError for a list that is empty or holds fractions.
std::vector<std::int64_t> integer_cutoffs(const EvaluationOptions& options);

}  // namespace llama4rec::evaluation
