// DCN: cross layers beside a deep part.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct DcnOptions {
  std::vector<double> hidden = {128, 128};
  double dropout = 0;
  std::int64_t layers = 2;
  std::string form = "vector";
  void declare(config::OptionVisitor& visit);
};

/// Wang et al., Deep & Cross Network, ADKDD 2017, and DCN V2, WWW 2021 (the matrix form): linear part + cross layers + MLP,
/// side by side.
class Dcn final : public DeepRatingModel {
 public:
  Dcn(DeepRatingSettings settings, DcnOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "dcn"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  DcnOptions options_;
};

}  // namespace llama4rec::recommenders
