#include "recommenders/rating/nfm.h"

#include "recommenders/rating/interactions/mlp.h"

namespace llama4rec::recommenders {

void NfmOptions::declare(config::OptionVisitor& visit) {
  declare_deep_part(visit, "nfm", hidden, dropout);
  visit.option("nfm.pooling_dropout", pooling_dropout, config::between(0, 0.95), "Dropout behind the pooling.");
}

Interactions Nfm::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  parts.push_back(std::make_unique<NeuralFactorizationMachine>(
      shape, deep_part("nfm", options_.hidden, options_.dropout, settings().rating.layer_deviation),
      options_.pooling_dropout, layout));
  return parts;
}

}  // namespace llama4rec::recommenders
