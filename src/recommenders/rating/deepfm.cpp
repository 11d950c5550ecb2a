#include "recommenders/rating/deepfm.h"

#include "recommenders/rating/interactions/mlp.h"
#include "recommenders/rating/interactions/pairwise.h"

namespace llama4rec::recommenders {

void DeepFmOptions::declare(config::OptionVisitor& visit) { declare_deep_part(visit, "deepfm", hidden, dropout); }

Interactions DeepFm::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  parts.push_back(std::make_unique<FactorizationMachine>(shape));
  parts.push_back(std::make_unique<DeepPart>(
      shape, deep_part("deepfm", options_.hidden, options_.dropout, settings().rating.layer_deviation), layout));
  return parts;
}

}  // namespace llama4rec::recommenders
