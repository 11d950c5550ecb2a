// Full ranking: every known item that the user has not seen, best first. Sees scores only, never a model.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <llama4rec/dataset.h>

namespace llama4rec::evaluation {

/// Writes the scores of some users: `scores` is [users.size(), items], row-major.
using ScoreBlock = std::function<void(std::span<const UserIndex> users, std::span<float> scores)>;

/// What to rank for whom.
struct RankingRequest {
  std::int64_t items = 0;
  std::vector<UserIndex> users;
  /// By position in `users`: items that are never ranked (seen ones), ascending or not, repeats allowed.
  std::vector<std::vector<ItemIndex>> masked;
  /// Items that may be recommended at all; empty = all.
  std::vector<bool> known;
  std::int64_t length = 10;  ///< k of the top-k lists
};

/// One user's list, best first. Ties: the smaller item index first. Shorter than k only where fewer items remain.
struct RankedList {
  std::vector<ItemIndex> items;
  std::vector<float> scores;
};

/// Top-k lists by position in `request.users`. Works in tiles of users, so that the score matrix of all users never
/// exists. A NaN score throws InternalError.
std::vector<RankedList> rank(const RankingRequest& request, const ScoreBlock& scores);

}  // namespace llama4rec::evaluation
