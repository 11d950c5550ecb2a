#include "augmentation/augmented_user.h"

namespace llama4rec::augmentation {

std::vector<ItemIndex> free_items(const AugmentedUser& user, const std::vector<bool>& known_items) {
  std::vector<bool> free = known_items;
  for (const ItemIndex item : user.interacted) free[static_cast<std::size_t>(item)] = false;
  std::vector<ItemIndex> result;
  for (std::size_t item = 0; item < free.size(); ++item) {
    if (free[item]) result.push_back(static_cast<ItemIndex>(item));
  }
  return result;
}

}  // namespace llama4rec::augmentation
