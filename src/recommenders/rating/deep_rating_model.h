// What DeepFM, NFM, DCN, AFM, xDeepFM and AutoInt share: everything but their interactions.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "recommenders/model_file.h"
#include "recommenders/rating/deep_options.h"
#include "recommenders/rating/rating_trainer.h"

namespace llama4rec::recommenders {

/// A rating predictor over one table of embeddings (rating_network.h). A user or item that training did not see has the mean of the trained
/// users' or items' embeddings and linear weights, and its attributes as they are. The file holds features, options of the architecture
/// and parameters, so a loaded model predicts without the data set.
class DeepRatingModel : public RatingPredictor {
 public:
  explicit DeepRatingModel(DeepRatingSettings settings) : settings_(std::move(settings)) {}

  /// Minimises the squared error (rating_trainer.h) until `train.patience`. Logs how many users and items have no rating.
  FitSummary fit(const RatingTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor predict(std::span<const UserIndex> users,
                                      std::span<const ItemIndex> items) const override;
  /// The users' rows in the user field, [users.size(), dimension]; zeros for a user that training did not see.
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users) const override;
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

  /// The model's interactions. Equal calls register equal parameters.
  [[nodiscard]] virtual Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const = 0;

 protected:
  /// The options that decide which parameters there are; a loaded model takes them from its file.
  virtual void visit_architecture(config::OptionVisitor& visit) = 0;
  [[nodiscard]] const DeepRatingSettings& settings() const { return settings_; }

 private:
  [[nodiscard]] RatingNetwork network(const FeatureTable& features, std::int64_t dimension, double mean) const;
  [[nodiscard]] std::vector<float> initial(const RatingTrainingData& data, const RatingNetwork& network) const;
  [[nodiscard]] std::vector<float> continued(const RatingNetwork& network) const;
  void publish(const RatingNetwork& network, std::vector<float> parameters);

  DeepRatingSettings settings_;
  FeatureTable features_;
  std::int64_t dimension_ = 0;
  std::vector<float>
      parameters_;  ///< as they were trained, with the unknown rows of users and items filled in; empty: neither fit nor loaded
  float minimum_ = 1;
  float maximum_ = 5;
  Provenance provenance_;
};

/// The table of features in a model file: tensors "features.fields", "features.users" and "features.items".
void put_features(const FeatureTable& features, ModelFile& content);
/// DataError where a field or a code is outside of its bounds.
FeatureTable get_features(const ModelFile& content, const std::filesystem::path& file);

/// What each row costs per example that touches it: `row` and `linear` are per row and divided by its examples, `sample` is per example.
RowPenalties row_penalties(const RatingNetwork& network, std::span<const RatingExample> examples, double row,
                           double linear, double sample);

}  // namespace llama4rec::recommenders
