#include "recommenders/rating/autoint.h"

#include <algorithm>

#include "recommenders/rating/interactions/field_attention.h"
#include "recommenders/rating/interactions/mlp.h"

namespace llama4rec::recommenders {

void AutoIntOptions::declare(config::OptionVisitor& visit) {
  declare_deep_part(visit, "autoint", hidden, dropout);
  visit.option("autoint.layers", layers, config::between(0, 16), "Interacting layers.");
  visit.option("autoint.heads", heads, config::between(1, 64), "Heads of an interacting layer.");
  visit.option("autoint.head_dimension", head_dimension, config::between(0, 1024),
               "Dimension of a head; 0: the embedding's over the heads, at least 1.");
  visit.option("autoint.scaled", scaled, config::anything(), "Scores over the root of the head's dimension.");
}

Interactions AutoInt::interactions(const ModelShape& shape, ParameterLayout& layout) const {
  Interactions parts;
  const std::int64_t head_dimension = options_.head_dimension > 0
                                          ? options_.head_dimension
                                          : std::max<std::int64_t>(1, shape.dimension / options_.heads);
  const FieldAttentionOptions attention{.layers = options_.layers,
                                        .heads = options_.heads,
                                        .head_dimension = head_dimension,
                                        .scaled = options_.scaled,
                                        .initial_deviation = settings().rating.layer_deviation};
  parts.push_back(std::make_unique<FieldAttention>(shape, attention, layout));
  if (options_.hidden.empty()) return parts;
  parts.push_back(std::make_unique<DeepPart>(
      shape, deep_part("autoint", options_.hidden, options_.dropout, settings().rating.layer_deviation), layout));
  return parts;
}

}  // namespace llama4rec::recommenders
