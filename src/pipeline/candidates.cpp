#include "pipeline/candidates.h"

#include <algorithm>

namespace llama4rec::pipeline {

std::vector<evaluation::RankedList> best_unseen(const TopKRecommender& model, const std::vector<UserIndex>& users,
                                                const std::vector<std::vector<ItemIndex>>& histories,
                                                const std::vector<std::vector<ItemIndex>>& masked,
                                                std::int64_t length) {
  evaluation::RankingRequest request;
  request.items = static_cast<std::int64_t>(model.known_items().size());
  request.users = users;
  request.masked = masked;
  request.known = model.known_items();
  request.length = length;
  // Tiles are asked for in order, so the rows' histories are found by counting.
  std::size_t row = 0;
  return evaluation::rank(request, [&](std::span<const UserIndex> tile, std::span<float> scores) {
    const torch::Tensor values = model.score(tile, std::span(histories).subspan(row, tile.size())).contiguous();
    const float* begin = values.data_ptr<float>();
    std::copy(begin, begin + values.numel(), scores.begin());
    row += tile.size();
  });
}

}  // namespace llama4rec::pipeline
