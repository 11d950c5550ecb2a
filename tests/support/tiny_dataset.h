// A data set small enough to be worked out by hand.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/dataset.h>

namespace llama4rec::testing {

/// `ratings[user]` = items with ratings, oldest first; timestamps count up by 10 within a user.
inline Dataset tiny_dataset(const std::vector<std::vector<std::pair<ItemIndex, float>>>& ratings, std::int64_t items) {
  Dataset dataset;
  dataset.name = "tiny";
  dataset.item_noun = "movie";
  dataset.source_hash = "tiny";
  dataset.user_offsets.push_back(0);
  for (std::size_t user = 0; user < ratings.size(); ++user) {
    dataset.user_ids.push_back(fmt::format("u{}", user));
    std::int64_t time = 0;
    for (const auto& [item, rating] : ratings[user]) {
      dataset.interactions.push_back(
          {.user = static_cast<UserIndex>(user), .item = item, .rating = rating, .timestamp = time += 10});
    }
    dataset.user_offsets.push_back(dataset.size());
  }
  for (std::int64_t item = 0; item < items; ++item) {
    dataset.item_ids.push_back(fmt::format("i{}", item));
    dataset.item_titles.push_back(fmt::format("Title {}", item));
  }
  return dataset;
}

}  // namespace llama4rec::testing
