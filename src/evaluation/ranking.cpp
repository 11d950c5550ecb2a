#include "evaluation/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::evaluation {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr std::size_t kTileBytes = std::size_t{12} << 20U;  // stays in the last-level cache of common machines
constexpr std::size_t kBlock = 32;                          // scores looked at together before any is looked at alone

struct Entry {
  float score;
  ItemIndex item;
};

bool better(const Entry& a, const Entry& b) { return a.score > b.score || (a.score == b.score && a.item < b.item); }

/// Something in the block is above the threshold or NaN. Without a branch, so that it becomes vector code.
bool any_above(const float* scores, std::size_t count, float threshold) {
  int above = 0;
  for (std::size_t i = 0; i < count; ++i) above |= static_cast<int>(!(scores[i] <= threshold));
  return above != 0;
}

void check(const RankingRequest& request) {
  if (request.items < 0 || request.items > std::numeric_limits<ItemIndex>::max()) {
    throw InternalError(fmt::format("ranking: {} items", request.items));
  }
  if (request.length < 1)
    throw InternalError(fmt::format("ranking: list length {}, expected 1 or more", request.length));
  if (!request.masked.empty() && request.masked.size() != request.users.size()) {
    throw InternalError(
        fmt::format("ranking: masks of {} users for {} users", request.masked.size(), request.users.size()));
  }
  if (!request.known.empty() && request.known.size() != static_cast<std::size_t>(request.items)) {
    throw InternalError(fmt::format("ranking: {} known flags for {} items", request.known.size(), request.items));
  }
  for (std::size_t i = 0; i < request.masked.size(); ++i) {
    for (const ItemIndex item : request.masked[i]) {
      if (item < 0 || item >= request.items) {
        throw InternalError(fmt::format("ranking: masked item {} of user {} is not among the {} items", item,
                                        request.users[i], request.items));
      }
    }
  }
}

/// Ranks the rows of one tile after the other; holds what all rows share.
class RowRanker {
 public:
  explicit RowRanker(const RankingRequest& request) : request_(request) {
    for (std::size_t item = 0; item < request.known.size(); ++item) {
      if (!request.known[item]) unknown_.push_back(static_cast<ItemIndex>(item));
    }
  }

  /// Fills `list` from a user's scores, which are overwritten where masked. Returns an item with a NaN score, or -1.
  ItemIndex rank_row(std::size_t position, std::span<float> scores, RankedList& list) const {
    ItemIndex broken = -1;
    const auto exclude = [&](std::span<const ItemIndex> items) {
      for (const ItemIndex item : items) {
        float& score = scores[static_cast<std::size_t>(item)];
        if (std::isnan(score)) broken = item;
        score = kLowest;
      }
    };
    exclude(unknown_);
    if (!request_.masked.empty()) exclude(request_.masked[position]);
    if (broken >= 0) return broken;

    const auto wanted = static_cast<std::size_t>(std::min(request_.length, request_.items));
    std::vector<Entry> best;  // a heap with the worst entry in front
    best.reserve(wanted + 1);
    broken = select(scores, wanted, best);
    if (broken >= 0) return broken;
    std::sort(best.begin(), best.end(), better);
    if (best.size() < wanted) append_lowest(position, scores, wanted, best);

    list.items.reserve(best.size());
    list.scores.reserve(best.size());
    for (const auto& [score, item] : best) {
      list.items.push_back(item);
      list.scores.push_back(score);
    }
    return -1;
  }

 private:
  /// The best `wanted` of the scores above -infinity. Items come in ascending order, so an equal score never displaces one.
  static ItemIndex select(std::span<const float> scores, std::size_t wanted, std::vector<Entry>& best) {
    float threshold = kLowest;
    for (std::size_t begin = 0; begin < scores.size(); begin += kBlock) {
      const std::size_t count = std::min(kBlock, scores.size() - begin);
      if (!any_above(scores.data() + begin, count, threshold)) continue;
      for (std::size_t i = begin; i < begin + count; ++i) {
        const float score = scores[i];
        if (score <= threshold) continue;
        const auto item = static_cast<ItemIndex>(i);
        if (std::isnan(score)) return item;
        if (best.size() == wanted) {
          std::pop_heap(best.begin(), best.end(), better);
          best.back() = {score, item};
        } else {
          best.push_back({score, item});
        }
        std::push_heap(best.begin(), best.end(), better);
        if (best.size() == wanted) threshold = best.front().score;
      }
    }
    return -1;
  }

  /// Masked items and true scores of -infinity look alike in the tile; only the latter may fill up a short list.
  void append_lowest(std::size_t position, std::span<const float> scores, std::size_t wanted,
                     std::vector<Entry>& best) const {
    std::vector<bool> excluded(scores.size(), false);
    for (const ItemIndex item : unknown_) excluded[static_cast<std::size_t>(item)] = true;
    if (!request_.masked.empty()) {
      for (const ItemIndex item : request_.masked[position]) excluded[static_cast<std::size_t>(item)] = true;
    }
    for (std::size_t i = 0; i < scores.size() && best.size() < wanted; ++i) {
      if (scores[i] == kLowest && !excluded[i]) best.push_back({kLowest, static_cast<ItemIndex>(i)});
    }
  }

  const RankingRequest& request_;
  std::vector<ItemIndex> unknown_;
};

}  // namespace

std::vector<RankedList> rank(const RankingRequest& request, const ScoreBlock& scores) {
  check(request);
  std::vector<RankedList> lists(request.users.size());
  if (request.items == 0 || request.users.empty()) return lists;

  const auto items = static_cast<std::size_t>(request.items);
  const std::size_t tile_users = std::clamp(kTileBytes / (items * sizeof(float)), std::size_t{1}, request.users.size());
  std::vector<float> tile(tile_users * items);
  std::vector<ItemIndex> broken(tile_users);
  const RowRanker ranker(request);

  for (std::size_t first = 0; first < request.users.size(); first += tile_users) {
    const std::size_t count = std::min(tile_users, request.users.size() - first);
    scores(std::span(request.users).subspan(first, count), std::span(tile).first(count * items));
#pragma omp parallel for schedule(static)
    for (std::size_t row = 0; row < count; ++row) {
      broken[row] = ranker.rank_row(first + row, std::span(tile).subspan(row * items, items), lists[first + row]);
    }
    for (std::size_t row = 0; row < count; ++row) {
      if (broken[row] >= 0) {
        throw InternalError(fmt::format("ranking: the score of user {} (index) for item {} (index) is not a number",
                                        request.users[first + row], broken[row]));
      }
    }
  }
  return lists;
}

}  // namespace llama4rec::evaluation
