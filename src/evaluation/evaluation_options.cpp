#include "evaluation/evaluation_options.h"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {

void EvaluationOptions::declare(config::OptionVisitor& visit) {
  visit.option(
      "evaluation.protocol", protocol, config::one_of({"textbook", "selfrec"}),
      "textbook: seen items are never ranked, and at test the validation item belongs to the input of sequence "
      "models; selfrec: what the paper's library did.",
      "IV-A");
  visit.option("evaluation.users", users, config::one_of({"all", "warm"}),
               "all: every user with a target, and a target that training never saw is a miss; warm: only users whose "
               "target occurs in training.",
               "IV-A");
  visit.option("evaluation.cutoffs", cutoffs, config::between(1, 100000), "The k of the top-k metrics.", "IV-A");
}

std::vector<std::int64_t> integer_cutoffs(const EvaluationOptions& options) {
  std::set<std::int64_t> distinct;
  for (const double cutoff : options.cutoffs) {
    if (cutoff != std::floor(cutoff) || !(cutoff >= 1 && cutoff <= 100000)) {
      throw UsageError(fmt::format("evaluation.cutoffs: {} is not a whole number from 1 to 100000", cutoff));
    }
    distinct.insert(static_cast<std::int64_t>(cutoff));
  }
  if (distinct.empty()) throw UsageError("evaluation.cutoffs: the list is empty, expected at least one number");
  return {distinct.begin(), distinct.end()};
}

}  // namespace llama4rec::evaluation
