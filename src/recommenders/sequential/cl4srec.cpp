#include "recommenders/sequential/cl4srec.h"

#include <limits>

namespace llama4rec::recommenders {

using torch::Tensor;

void Cl4SRecOptions::declare(config::OptionVisitor& visit) {
  visit.option("cl4srec.weight", weight, config::between(0, 100), "Weight of the contrastive loss.");
  visit.option("cl4srec.temperature", temperature, config::between(1e-3, 100), "Temperature of the contrastive loss.");
  visit.option("cl4srec.crop", ratios.crop, config::between(0.01, 1), "Share of a window that a cropped view keeps.");
  visit.option("cl4srec.mask", ratios.mask, config::between(0, 1), "Share of a window that a masked view hides.");
  visit.option("cl4srec.reorder", ratios.reorder, config::between(0, 1), "Share of a window that a view shuffles.");
}

Tensor view_contrast(const Tensor& first, const Tensor& second, double temperature) {
  const auto count = first.size(0);
  const auto both = torch::cat({first, second});
  const auto views = both / both.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
  const auto itself = torch::eye(2 * count, torch::TensorOptions().dtype(torch::kBool).device(first.device()));
  const auto scores =
      (torch::mm(views, views.t()) / temperature).masked_fill(itself, -std::numeric_limits<float>::infinity());
  const auto partners =
      torch::arange(2 * count, torch::TensorOptions().dtype(torch::kInt64).device(first.device())).roll(count);
  return torch::cross_entropy_loss(scores, partners);
}

Tensor Cl4SRec::loss(const SequenceEncoder& encoder, std::span<const Sequence> sequences, std::uint64_t seed) const {
  auto next = SasRec::loss(encoder, sequences, seed);
  if (options_.weight <= 0) return next;
  RandomStream random(seed, "recommenders.cl4srec_views");
  const auto ends = [&](std::uint64_t number) {
    std::vector<Sequence> views;
    for (const auto& sequence : sequences) {
      views.push_back(random_view(sequence, options_.ratios, encoder.mask_item(), random));
    }
    const auto states = encoder.states(make_sequence_batch(views, encoder.mask_item()), sight(),
                                       derived_seed(seed, "recommenders.cl4srec_view", {number}));
    return states.select(1, states.size(1) - 1);
  };
  const auto first = ends(0);
  const auto second = ends(1);
  return next + options_.weight * view_contrast(first, second, options_.temperature);
}

}  // namespace llama4rec::recommenders
