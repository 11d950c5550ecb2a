// Item transitions: which items follow a user's last items in other histories. A floor for sequential recommendation and the
// control of re-rankers that may know no more than order.
#pragma once

#include "config/options.h"
#include "recommenders/top_k_base.h"

namespace llama4rec::recommenders {

struct ItemTransitionOptions {
  std::int64_t window = 5;
  std::int64_t history = 10;
  double decay = 0.8;
  double smoothing = 20;
  void declare(config::OptionVisitor& visit);
};

/// In training, an item j that comes d = 1..window places after i in a history adds 1 / d to the count C(i, j). With the
/// popularity share q(j) and the smoothing s,
///   P(j | i) = (C(i, j) + s q(j)) / (sum of C(i, .) + s),
/// and the score of j after a history that ends in ..., i_2, i_1 is the sum over its last `history` items of decay^(p - 1)
/// P(j | i_p). Items that training did not see are passed over in the history; a history with none left is scored by popularity.
/// Has no user embeddings; augmentation pairs do not enter.
class ItemTransitions final : public TopKBase {
 public:
  explicit ItemTransitions(const ItemTransitionOptions& options) : options_(options) {}
  [[nodiscard]] std::string name() const override { return "item_transitions"; }
  FitSummary fit(const TopKTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex> users,
                                    std::span<const std::vector<ItemIndex>> histories) const override;
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                              std::span<const std::vector<ItemIndex>> histories) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

 private:
  void score_row(std::span<const ItemIndex> history, std::span<float> row) const;

  ItemTransitionOptions options_;
  std::vector<std::int64_t> offsets_;  ///< [items + 1], where each item's followers begin
  std::vector<std::int64_t> columns_;  ///< followers, ascending in a row
  std::vector<float> counts_;          ///< C(i, j)
};

}  // namespace llama4rec::recommenders
