// Data augmentation for sequential recommendation: the language model picks the likeliest item of a random list, and it is put into the
// user's training sequence (paper, III-B2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>

#include "augmentation/augmented_user.h"
#include "config/options.h"
#include "prompts/cases.h"

namespace llama4rec::augmentation {

struct InsertionOptions {
  std::int64_t per_user = 1;
  std::int64_t list_size = 10;
  std::string draw = "uniform";
  void declare(config::OptionVisitor& visit);
};

/// A list of items to choose from, before it was asked about.
struct DrawnList {
  std::size_t user = 0;  ///< position in the users given
  std::vector<ItemIndex> items;
  std::int64_t place = 0;  ///< where the chosen item goes: before the history's item at this position
};

/// An item for a user's training sequence, before the item at `place`: never behind the last one, which is what the user's next item
/// is predicted from.
struct Insertion {
  UserIndex user = 0;
  ItemIndex item = 0;
  std::int64_t place = 0;
};

/// What asking did.
struct InsertionAccount {
  std::int64_t asked = 0;
  std::int64_t kept = 0;
  std::int64_t unanswered = 0;  ///< left out: no answer that could be read
};

/// Draws lists of items that training knows and the user has not interacted with: "uniform", or "upper" of the recommender's upper ranks.
/// A user with fewer than two such items gets none. No item is in two lists of a user.
std::vector<DrawnList> draw_lists(const std::vector<AugmentedUser>& users, const std::vector<bool>& known_items,
                                  const InsertionOptions& options, std::uint64_t seed);

/// Asks the model which item of each list the user likes next.
std::vector<Insertion> choose_insertions(const std::vector<AugmentedUser>& users, const std::vector<DrawnList>& lists,
                                         LanguageModel& model, prompts::CaseWriter& writer, bool augmented_prompts,
                                         const CompletionProgress& progress, InsertionAccount& account);

/// The histories with the items put in. InternalError for a place outside of its history.
std::vector<std::vector<ItemIndex>> with_insertions(std::vector<std::vector<ItemIndex>> histories,
                                                    const std::vector<Insertion>& insertions);

}  // namespace llama4rec::augmentation
