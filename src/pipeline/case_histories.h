// The histories in prompts: whose, from which interactions, with their provenance. Every one passes the leak guard.
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

#include "data/leak_guard.h"
#include "pipeline/run_setup.h"
#include "prompts/templates.h"

namespace llama4rec::pipeline {

/// A history with the interactions that it was made from.
struct TracedHistory {
  std::vector<ItemIndex> liked;           ///< oldest first
  std::vector<prompts::RatedItem> rated;  ///< oldest first
  Provenance liked_provenance;
  Provenance rated_provenance;
};

/// Every interaction but those that an explicit split marks as unused.
InteractionSet usable_interactions(const RunSetup& setup);
/// The usable interactions without the task's validation and test parts.
InteractionSet all_but_held_out(const RunSetup& setup, const data::Split& task);

/// The user's interactions that are in `admitted` and before `end`, as liked items and as rated ones.
TracedHistory history_of(const RunSetup& setup, UserIndex user, const InteractionSet& admitted, InteractionIndex end);

/// Similar users by a model's embeddings (paper, eq. 3), and their histories from `admitted`, which must outlive this object.
class SimilarUsers {
 public:
  /// Nobody is similar to anybody.
  SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted);
  /// By a recommender that reads each user's liked items of `fit_on`; users without any are nobody's similar user.
  SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted,
               const TopKRecommender& model, const InteractionSet& fit_on);
  /// By a rating predictor; users without a rating in `fit_on` are nobody's similar user.
  SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted,
               const RatingPredictor& model, const InteractionSet& fit_on);

  /// -1 where nobody is similar.
  [[nodiscard]] UserIndex of(UserIndex user) const;
  /// The similar user's history, passed by the guard; empty where nobody is.
  [[nodiscard]] TracedHistory history(UserIndex user, const data::LeakGuard& guard, data::Phase phase) const;

 private:
  const RunSetup* setup_;
  const data::Split* task_;
  const InteractionSet* admitted_;
  std::vector<std::int64_t> nearest_;
};

}  // namespace llama4rec::pipeline
