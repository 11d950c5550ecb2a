#include "recommenders/rating/afm.h"

#include "recommenders/rating/interactions/attention_pooling.h"

namespace llama4rec::recommenders {

void AfmOptions::declare(config::OptionVisitor& visit) {
  visit.option("afm.attention", attention, config::between(1, 4096), "Hidden units of the attention.");
  visit.option("afm.dropout", dropout, config::between(0, 0.95), "Dropout behind the pooling.");
}

Interactions Afm::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  parts.push_back(std::make_unique<AttentionPooling>(shape, options_.attention, options_.dropout,
                                                     settings().rating.layer_deviation, layout));
  return parts;
}

}  // namespace llama4rec::recommenders
