#include "augmentation/similar_users.h"

#include <algorithm>
#include <limits>

namespace llama4rec::augmentation {

std::vector<std::int64_t> most_similar(const torch::Tensor& embeddings, const std::vector<bool>& eligible) {
  constexpr std::int64_t kTile = 512;
  const torch::NoGradGuard no_gradients;
  const std::int64_t users = embeddings.size(0);
  const torch::Tensor lengths = embeddings.norm(2, 1, true);
  const torch::Tensor unit = embeddings / lengths.clamp_min(1e-12);
  torch::Tensor excluded = lengths.squeeze(1).le(1e-12);
  for (std::int64_t user = 0; user < users; ++user) {
    if (!eligible[static_cast<std::size_t>(user)]) excluded[user] = true;
  }
  constexpr float kNobody = -std::numeric_limits<float>::infinity();
  std::vector<std::int64_t> result(static_cast<std::size_t>(users), -1);
  for (std::int64_t begin = 0; begin < users; begin += kTile) {
    const std::int64_t count = std::min(kTile, users - begin);
    torch::Tensor similarity = unit.narrow(0, begin, count).matmul(unit.t()).contiguous();
    similarity.masked_fill_(excluded.unsqueeze(0), kNobody);
    const auto values = similarity.accessor<float, 2>();
    for (std::int64_t row = 0; row < count; ++row) {
      const std::int64_t user = begin + row;
      if (lengths[user].item<float>() <= 1e-12F) continue;
      float best = kNobody;
      for (std::int64_t other = 0; other < users; ++other) {
        if (other == user || values[row][other] <= best) continue;
        best = values[row][other];
        result[static_cast<std::size_t>(user)] = other;
      }
    }
  }
  return result;
}

}  // namespace llama4rec::augmentation
