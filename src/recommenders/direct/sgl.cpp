#include "recommenders/direct/sgl.h"

#include <utility>

#include "recommenders/direct/sgl_trainer.h"

namespace llama4rec::recommenders {

void SglOptions::declare(config::OptionVisitor& visit) {
  visit.option("sgl.layers", layers, config::between(1, 16), "Layers of propagation over the user-item graph.");
  visit.option("sgl.view", view, config::one_of({"node_drop", "edge_drop", "random_walk"}),
               "What is left out of the graph's two views: nodes, edges, or edges drawn anew for each layer.");
  visit.option("sgl.drop_rate", drop_rate, config::between(0, 0.95),
               "Probability that a node or an edge is left out of a view.");
  visit.option("sgl.weight", weight, config::between(0, 1000), "Weight of the contrastive term.");
  visit.option("sgl.temperature", temperature, config::between(0.03, 100), "Temperature of the contrastive term.");
  visit.option("sgl.contrast", contrast, config::one_of({"separate", "joint"}),
               "Users are contrasted with users and items with items, or all of a batch with all.");
}

Sgl::Sgl(const EmbeddingSettings& settings, SglOptions options)
    : EmbeddingRecommender(settings.with_layers(options.layers)), options_(std::move(options)) {}

std::unique_ptr<BprTrainer> Sgl::make_trainer(const TrainerParts& parts) const {
  const SglSettings sgl{.bpr = parts.shape,
                        .views = {.kind = parse_view_kind(options_.view),
                                  .drop_rate = options_.drop_rate,
                                  .layers = options_.layers,
                                  .seed = settings().seed},
                        .weight = options_.weight,
                        .temperature = options_.temperature,
                        .joint = options_.contrast == "joint"};
  return parts.fast ? make_fast_sgl_trainer(sgl, parts.initial)
                    : make_plain_sgl_trainer(sgl, parts.initial, settings().device);
}

}  // namespace llama4rec::recommenders
