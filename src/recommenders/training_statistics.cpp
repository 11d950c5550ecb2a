#include "recommenders/training_statistics.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::recommenders {
namespace {

void check_index(std::int64_t value, std::int64_t bound, const char* what, std::int64_t user) {
  if (value >= 0 && value < bound) return;
  throw DataError(fmt::format("training data: {} {} of user {} is outside 0..{}", what, value, user, bound - 1));
}

}  // namespace

TrainingStatistics inspect(const TopKTrainingData& data) {
  if (data.users != static_cast<std::int64_t>(data.histories.size())) {
    throw DataError(fmt::format("training data: {} histories for {} users", data.histories.size(), data.users));
  }
  TrainingStatistics result;
  result.item_counts.assign(static_cast<std::size_t>(data.items), 0);
  result.user_counts.assign(data.histories.size(), 0);
  result.known_items.assign(static_cast<std::size_t>(data.items), false);
  for (std::size_t user = 0; user < data.histories.size(); ++user) {
    for (const ItemIndex item : data.histories[user]) {
      check_index(item, data.items, "item", static_cast<std::int64_t>(user));
      ++result.item_counts[static_cast<std::size_t>(item)];
      result.known_items[static_cast<std::size_t>(item)] = true;
    }
    result.user_counts[user] = static_cast<std::int64_t>(data.histories[user].size());
    result.interactions += result.user_counts[user];
    if (data.histories[user].empty()) ++result.empty_users;
  }
  for (const PreferencePair& pair : data.pairs) {
    if (pair.user < 0 || pair.user >= data.users) {
      throw DataError(fmt::format("training data: a pair's user {} is outside 0..{}", pair.user, data.users - 1));
    }
    check_index(pair.preferred, data.items, "preferred item", pair.user);
    check_index(pair.other, data.items, "other item", pair.user);
  }
  if (result.interactions == 0) throw DataError("training data: no interaction; a recommender needs at least one");
  return result;
}

}  // namespace llama4rec::recommenders
