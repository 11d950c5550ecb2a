// A recommender's best unseen items.
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/recommender.h>

#include "evaluation/ranking.h"

namespace llama4rec::pipeline {

/// The `length` best known items per row, without the row's `masked` items. `users` may repeat; `histories` are what the
/// recommender scores from (see TopKRecommender::score).
std::vector<evaluation::RankedList> best_unseen(const TopKRecommender& model, const std::vector<UserIndex>& users,
                                                const std::vector<std::vector<ItemIndex>>& histories,
                                                const std::vector<std::vector<ItemIndex>>& masked, std::int64_t length);

}  // namespace llama4rec::pipeline
