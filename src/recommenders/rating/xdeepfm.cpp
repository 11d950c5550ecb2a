#include "recommenders/rating/xdeepfm.h"

#include <llama4rec/error.h>

#include "recommenders/rating/interactions/compressed_interaction.h"
#include "recommenders/rating/interactions/mlp.h"

namespace llama4rec::recommenders {

void XDeepFmOptions::declare(config::OptionVisitor& visit) {
  declare_deep_part(visit, "xdeepfm", hidden, dropout);
  visit.option("xdeepfm.maps", maps, config::between(2, 65536),
               "Feature maps of the CIN's layers; at least one layer.");
  visit.option("xdeepfm.split_half", split_half, config::anything(),
               "Half of a layer's maps go to the next layer and half to the output, instead of all to both.");
}

Interactions XDeepFm::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  auto maps = layer_sizes("xdeepfm.maps", options_.maps);
  if (maps.empty()) throw UsageError("xdeepfm.maps: no layer, expected at least one");
  parts.push_back(std::make_unique<CompressedInteraction>(shape, maps, options_.split_half,
                                                          settings().rating.layer_deviation, layout));
  parts.push_back(std::make_unique<DeepPart>(
      shape, deep_part("xdeepfm", options_.hidden, options_.dropout, settings().rating.layer_deviation), layout));
  return parts;
}

}  // namespace llama4rec::recommenders
