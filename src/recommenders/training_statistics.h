// What a top-k recommender needs to know about its training data besides the histories themselves.
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

namespace llama4rec::recommenders {

/// Counts over the histories. A user without history is never trained: models score such users by popularity.
struct TrainingStatistics {
  std::vector<std::int64_t> item_counts;  ///< [items], interactions with each item
  std::vector<std::int64_t> user_counts;  ///< [users], length of each history
  std::vector<bool> known_items;          ///< [items], item_counts > 0
  std::int64_t interactions = 0;
  std::int64_t empty_users = 0;
};

/// Counts, and checks every index of histories and pairs: DataError names the user and what was expected. DataError too when
/// there is no interaction at all.
TrainingStatistics inspect(const TopKTrainingData& data);

}  // namespace llama4rec::recommenders
