#include "recommenders/direct/mixgcf.h"

#include "recommenders/direct/mixgcf_trainer.h"

namespace llama4rec::recommenders {

void MixGcfOptions::declare(config::OptionVisitor& visit) {
  visit.option("mixgcf.layers", layers, config::between(1, 16), "Layers of propagation over the user-item graph.");
  visit.option("mixgcf.candidates", candidates, config::between(1, 10'000),
               "Drawn items from which a sample's negative is synthesised.");
  visit.option("mixgcf.dropout", dropout, config::between(0, 0.95),
               "Probability that a value of a propagated embedding is left out in training.");
}

MixGcf::MixGcf(const EmbeddingSettings& settings, const MixGcfOptions& options)
    : EmbeddingRecommender(settings.with_layers(options.layers)), options_(options) {}

std::unique_ptr<BprTrainer> MixGcf::make_trainer(const TrainerParts& parts) const {
  const MixGcfSettings mix{.bpr = parts.shape,
                           .sampler = &parts.sampler,
                           .candidates = options_.candidates,
                           .dropout = options_.dropout,
                           .seed = settings().seed};
  return parts.fast ? make_fast_mixgcf_trainer(mix, parts.initial)
                    : make_plain_mixgcf_trainer(mix, parts.initial, settings().device);
}

}  // namespace llama4rec::recommenders
