// Popularity: every user gets the items with the most training interactions. A floor, and a control.
#pragma once

#include "recommenders/top_k_base.h"

namespace llama4rec::recommenders {

/// Score of an item: the number of its training interactions. Has no user embeddings.
class Popularity final : public TopKBase {
 public:
  [[nodiscard]] std::string name() const override { return "popularity"; }
  FitSummary fit(const TopKTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex> users,
                                    std::span<const std::vector<ItemIndex>> histories) const override;
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                              std::span<const std::vector<ItemIndex>> histories) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;
};

}  // namespace llama4rec::recommenders
