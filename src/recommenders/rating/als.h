// Biased matrix factorisation for ratings, by alternating least squares.
#pragma once

#include "config/options.h"
#include "recommenders/rating/rating_base.h"

namespace llama4rec::recommenders {

struct AlsOptions {
  std::int64_t factors = 16;
  std::int64_t sweeps = 30;
  std::int64_t patience = 8;
  double regularization = 12;
  double count_regularization = 0;
  double bias_regularization = 2;
  void declare(config::OptionVisitor& visit);
};

/// Rating of (u, i): mean + b_u + b_i + p_u . q_i. After the regularised biases, each sweep solves exactly for every user's
/// (b_u, p_u) with the items fixed and then for every item's (b_i, q_i): ridge regressions with the weight
/// regularization + count_regularization * n on the factors of a row with n ratings (Zhou et al., AAIM 2008, has the second part) and
/// bias_regularization on the biases. Stops by the validation score. Unknown users and items fall back to what is known of the pair.
class Als final : public RatingBase {
 public:
  Als(const AlsOptions& options, std::uint64_t seed) : options_(options), seed_(seed) {}
  [[nodiscard]] std::string name() const override { return "als"; }
  FitSummary fit(const RatingTrainingData& data, const FitHooks& hooks) override;
  /// p_u, [users.size(), factors]; zeros for a user that training did not see.
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

 protected:
  [[nodiscard]] double raw_prediction(UserIndex user, ItemIndex item) const override;

 private:
  AlsOptions options_;
  std::uint64_t seed_;
  std::int64_t factors_ = 0;          ///< of the tables below
  std::vector<double> user_factors_;  ///< p, [users, factors]
  std::vector<double> item_factors_;  ///< q, [items, factors]
};

}  // namespace llama4rec::recommenders
