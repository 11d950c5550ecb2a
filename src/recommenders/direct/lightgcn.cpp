#include "recommenders/direct/lightgcn.h"

namespace llama4rec::recommenders {

void LightGcnOptions::declare(config::OptionVisitor& visit) {
  visit.option("lightgcn.layers", layers, config::between(1, 16), "Layers of propagation over the user-item graph.");
}

LightGcn::LightGcn(const EmbeddingSettings& settings, const LightGcnOptions& options)
    : EmbeddingRecommender(settings.with_layers(options.layers)) {}

}  // namespace llama4rec::recommenders
