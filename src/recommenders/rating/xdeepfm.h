// xDeepFM: a compressed interaction network beside a deep part.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct XDeepFmOptions {
  std::vector<double> hidden = {256, 256};
  double dropout = 0;
  std::vector<double> maps = {256, 128};
  bool split_half = true;
  void declare(config::OptionVisitor& visit);
};

/// Lian et al., xDeepFM, KDD 2018: linear part + CIN + MLP.
class XDeepFm final : public DeepRatingModel {
 public:
  XDeepFm(DeepRatingSettings settings, XDeepFmOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "xdeepfm"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  XDeepFmOptions options_;
};

}  // namespace llama4rec::recommenders
