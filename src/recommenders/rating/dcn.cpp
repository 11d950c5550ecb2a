#include "recommenders/rating/dcn.h"

#include "recommenders/rating/interactions/cross_network.h"
#include "recommenders/rating/interactions/mlp.h"

namespace llama4rec::recommenders {

void DcnOptions::declare(config::OptionVisitor& visit) {
  declare_deep_part(visit, "dcn", hidden, dropout);
  visit.option("dcn.layers", layers, config::between(0, 16), "Cross layers.");
  visit.option("dcn.form", form, config::one_of({"vector", "matrix"}),
               "A cross layer's weights: a vector (DCN) or a matrix (DCN V2).");
}

Interactions Dcn::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  const auto form = options_.form == "matrix" ? CrossForm::kMatrix : CrossForm::kVector;
  parts.push_back(
      std::make_unique<CrossNetwork>(shape, form, options_.layers, settings().rating.layer_deviation, layout));
  parts.push_back(std::make_unique<DeepPart>(
      shape, deep_part("dcn", options_.hidden, options_.dropout, settings().rating.layer_deviation), layout));
  return parts;
}

}  // namespace llama4rec::recommenders
