// DeepFM: a factorisation machine and a deep part on the same embeddings.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct DeepFmOptions {
  std::vector<double> hidden = {256, 128};
  double dropout = 0;
  void declare(config::OptionVisitor& visit);
};

/// Guo et al., DeepFM, IJCAI 2017: linear part + second-order FM + MLP on all embeddings.
class DeepFm final : public DeepRatingModel {
 public:
  DeepFm(DeepRatingSettings settings, DeepFmOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "deepfm"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  DeepFmOptions options_;
};

}  // namespace llama4rec::recommenders
