// AFM: the products of all pairs of fields, weighted by attention.
#pragma once

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {

struct AfmOptions {
  std::int64_t attention = 8;
  double dropout = 0;
  void declare(config::OptionVisitor& visit);
};

/// Xiao et al., Attentional Factorization Machines, IJCAI 2017: linear part + attention-weighted pairs.
class Afm final : public DeepRatingModel {
 public:
  Afm(DeepRatingSettings settings, AfmOptions options)
      : DeepRatingModel(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "afm"; }
  [[nodiscard]] Interactions interactions(const ModelShape& shape, ParameterLayout& layout) const override;

 protected:
  void visit_architecture(config::OptionVisitor& visit) override { options_.declare(visit); }

 private:
  AfmOptions options_;
};

}  // namespace llama4rec::recommenders
