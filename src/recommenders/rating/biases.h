// Regularised biases: mean, how far a user rates above it, how far an item is rated above it. The floor of rating prediction.
#pragma once

#include "config/options.h"
#include "recommenders/rating/rating_base.h"

namespace llama4rec::recommenders {

struct BiasOptions {
  double user_regularization = 5;
  double item_regularization = 5;
  void declare(config::OptionVisitor& visit);
};

/// Koren, Factor in the neighbors, TKDD 2010, section 2.1. Unknown users and items have no bias. A user's embedding is the bias
/// alone: [users, 1].
class Biases final : public RatingBase {
 public:
  explicit Biases(const BiasOptions& options) : options_(options) {}
  [[nodiscard]] std::string name() const override { return "biases"; }
  FitSummary fit(const RatingTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

 protected:
  [[nodiscard]] double raw_prediction(UserIndex user, ItemIndex item) const override;

 private:
  BiasOptions options_;
};

}  // namespace llama4rec::recommenders
