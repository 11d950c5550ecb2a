#include "recommenders/direct/lightgcn.h"

#include <utility>

namespace llama4rec::recommenders {
namespace {

EmbeddingSettings with_layers(EmbeddingSettings settings, std::int64_t layers) {
  settings.layers = layers;
  return settings;
}

}  // namespace

void LightGcnOptions::declare(config::OptionVisitor& visit) {
  visit.option("lightgcn.layers", layers, config::between(1, 16), "Layers of propagation over the user-item graph.");
}

LightGcn::LightGcn(EmbeddingSettings settings, const LightGcnOptions& options)
    : EmbeddingRecommender(with_layers(std::move(settings), options.layers)) {}

}  // namespace llama4rec::recommenders
