// A user whose training data a language model adds to.
#pragma once

#include <vector>

#include <llama4rec/dataset.h>

#include "prompts/cases.h"

namespace llama4rec::augmentation {

struct AugmentedUser {
  prompts::RankingCase question;      ///< history and similar user
  std::vector<ItemIndex> upper;       ///< the recommender's upper ranks, best first
  std::vector<ItemIndex> interacted;  ///< the user's train part, oldest first: never drawn. Nothing else is excluded.
};

/// Items that training knows and the user has not interacted with, ascending.
std::vector<ItemIndex> free_items(const AugmentedUser& user, const std::vector<bool>& known_items);

}  // namespace llama4rec::augmentation
