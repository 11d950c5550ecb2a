// Data augmentation for direct recommendation: pairs of un-interacted items that the language model orders (paper, III-B1, eq. 2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>
#include <llama4rec/recommender.h>

#include "augmentation/augmented_user.h"
#include "config/options.h"
#include "prompts/cases.h"

namespace llama4rec::augmentation {

struct PairOptions {
  std::int64_t per_user = 5;
  std::string draw = "upper";
  std::int64_t upper_ranks = 50;
  bool both_orders = true;
  void declare(config::OptionVisitor& visit);
};

/// What drawing and asking did.
struct PairAccount {
  std::int64_t asked = 0;  ///< pairs
  std::int64_t kept = 0;
  std::int64_t disagreed = 0;        ///< dropped: the answer changed with the order of presentation
  std::int64_t unanswered = 0;       ///< dropped: the model gave no answer that could be read
  double first_shown_preferred = 0;  ///< share of answers that name the item shown first: 0.5 without position bias
};

/// A pair before it is ordered.
struct DrawnPair {
  std::size_t user = 0;  ///< position in the users given
  ItemIndex first = 0;
  ItemIndex second = 0;
};

/// Draws pairs of items that training knows and the user has not interacted with: "uniform"; "upper": one from the
/// recommender's upper ranks, the other uniform; "top": both from the upper ranks. No pair of a user is drawn twice, in either order;
/// a user with few free items gets fewer pairs.
std::vector<DrawnPair> draw_pairs(const std::vector<AugmentedUser>& users, const std::vector<bool>& known_items,
                                  const PairOptions& options, std::uint64_t seed);

/// Asks the model to order each pair, in both orders of presentation where configured, and keeps what it agrees on.
std::vector<PreferencePair> order_pairs(const std::vector<AugmentedUser>& users, const std::vector<DrawnPair>& pairs,
                                        LanguageModel& model, prompts::CaseWriter& writer, bool augmented_prompts,
                                        const PairOptions& options, const CompletionProgress& progress,
                                        PairAccount& account);

}  // namespace llama4rec::augmentation
