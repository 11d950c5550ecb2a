// AutoInt: self-attention over the fields.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct AutoIntOptions {
  std::vector<double> hidden = {256, 128};
  double dropout = 0;
  std::int64_t layers = 3;
  std::int64_t heads = 2;
  std::int64_t head_dimension = 0;
  bool scaled = false;
  void declare(config::OptionVisitor& visit);
};

/// Song et al., AutoInt, CIKM 2019: linear part + interacting layers + (AutoInt+) MLP; no hidden layer, no deep part.
class AutoInt final : public DeepRatingModel {
 public:
  AutoInt(DeepRatingSettings settings, AutoIntOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "autoint"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  AutoIntOptions options_;
};

}  // namespace llama4rec::recommenders
