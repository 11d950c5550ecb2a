#include "pipeline/control_orders.h"

#include <algorithm>
#include <numeric>

#include "core/random.h"

namespace llama4rec::pipeline {

ControlOrders orders_by(const TopKRecommender& model, const PhaseCases& cases) {
  constexpr std::size_t kTile = 256;
  ControlOrders result;
  for (std::size_t begin = 0; begin < cases.ranking.size(); begin += kTile) {
    const std::size_t end = std::min(cases.ranking.size(), begin + kTile);
    std::vector<UserIndex> users;
    std::vector<std::vector<ItemIndex>> histories;
    for (std::size_t n = begin; n < end; ++n) {
      users.push_back(cases.ranking[n].user);
      histories.push_back(cases.ranking[n].history);
    }
    const torch::Tensor scores = model.score(users, histories).contiguous();
    const auto values = scores.accessor<float, 2>();
    for (std::size_t n = begin; n < end; ++n) {
      const auto& candidates = cases.ranking[n].ranked;
      CandidateOrder order(candidates.size());
      std::iota(order.begin(), order.end(), 0);
      const auto row = values[static_cast<std::int64_t>(n - begin)];
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return row[candidates[static_cast<std::size_t>(a)]] > row[candidates[static_cast<std::size_t>(b)]];
      });
      result.orders.push_back(std::move(order));
      auto& scores_of_user = result.scores.emplace_back();
      for (const ItemIndex item : candidates) scores_of_user.push_back(static_cast<double>(row[item]));
    }
  }
  return result;
}

ControlOrders random_orders(const PhaseCases& cases, std::uint64_t seed) {
  ControlOrders result;
  for (const auto& question : cases.ranking) {
    CandidateOrder order(question.ranked.size());
    std::iota(order.begin(), order.end(), 0);
    RandomStream random(seed, "controls.random_order",
                        {static_cast<std::uint64_t>(question.user), cases.phase == data::Phase::kTest ? 1U : 0U});
    random.shuffle(std::span(order));
    result.orders.push_back(std::move(order));
  }
  return result;
}

}  // namespace llama4rec::pipeline
