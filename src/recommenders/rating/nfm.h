// NFM: a deep part on the pooled products of the embeddings.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct NfmOptions {
  std::vector<double> hidden = {128, 128};
  double dropout = 0;
  double pooling_dropout = 0;
  void declare(config::OptionVisitor& visit);
};

/// He and Chua, Neural Factorization Machines, SIGIR 2017: linear part + MLP on the bi-interaction pooling.
class Nfm final : public DeepRatingModel {
 public:
  Nfm(DeepRatingSettings settings, NfmOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "nfm"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  NfmOptions options_;
};

}  // namespace llama4rec::recommenders
