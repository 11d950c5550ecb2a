#include "recommenders/sequential/cl4srec.h"

namespace llama4rec::recommenders {

void Cl4SRecOptions::declare(config::OptionVisitor& visit) {
  visit.option("cl4srec.weight", weight, config::between(0, 100), "Weight of the contrastive loss.");
  visit.option("cl4srec.temperature", temperature, config::between(1e-3, 100), "Temperature of the contrastive loss.");
  visit.option("cl4srec.crop", ratios.crop, config::between(0.01, 1), "Share of a window that a cropped view keeps.");
  visit.option("cl4srec.mask", ratios.mask, config::between(0, 1), "Share of a window that a masked view hides.");
  visit.option("cl4srec.reorder", ratios.reorder, config::between(0, 1), "Share of a window that a view shuffles.");
}

SequenceLesson Cl4SRec::lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                               std::uint64_t seed) const {
  auto result = SasRec::lesson(shape, sequences, seed);
  if (options_.weight <= 0) return result;
  RandomStream random(seed, "recommenders.cl4srec_views");
  const auto views = [&] {
    std::vector<Sequence> drawn;
    for (const auto& sequence : sequences) {
      drawn.push_back(random_view(input_of(sequence, shape), options_.ratios, shape.items, random));
    }
    return drawn;
  };
  SequenceContrast contrast{.first = views(),
                            .second = {},
                            .first_seed = derived_seed(seed, "recommenders.cl4srec_view", {0}),
                            .second_seed = derived_seed(seed, "recommenders.cl4srec_view", {1}),
                            .weight = options_.weight,
                            .temperature = options_.temperature};
  contrast.second = views();
  result.contrast = std::move(contrast);
  return result;
}

}  // namespace llama4rec::recommenders
