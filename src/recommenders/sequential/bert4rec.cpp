#include "recommenders/sequential/bert4rec.h"

#include <algorithm>

#include "core/random.h"

namespace llama4rec::recommenders {

void Bert4RecOptions::declare(config::OptionVisitor& visit) {
  visit.option("bert4rec.mask_probability", mask_probability, config::between(0.01, 0.99),
               "Share of a window's items that are masked in training.");
  visit.option("bert4rec.last_share", last_share, config::between(0, 1),
               "Share of the windows of which only the last item is masked.");
}

ClozeBatch draw_cloze(std::span<const Sequence> sequences, const Bert4RecOptions& options, std::int64_t mask,
                      std::uint64_t seed) {
  RandomStream random(seed, "recommenders.bert4rec_masks");
  std::size_t longest = 1;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  ClozeBatch cloze;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    Sequence masked = sequences[row];
    const auto first = (row + 1) * longest - masked.size();
    const auto hide = [&](std::size_t i) {
      cloze.places.push_back(static_cast<std::int64_t>(first + i));
      cloze.targets.push_back(masked[i]);
      masked[i] = static_cast<ItemIndex>(mask);
    };
    const auto before = cloze.places.size();
    if (random.uniform() < options.last_share) {
      hide(masked.size() - 1);
    } else {
      for (std::size_t i = 0; i < masked.size(); ++i) {
        if (random.uniform() < options.mask_probability) hide(i);
      }
      if (cloze.places.size() == before) hide(random.below(masked.size()));
    }
    cloze.masked.push_back(std::move(masked));
  }
  return cloze;
}

torch::Tensor Bert4Rec::loss(const SequenceEncoder& encoder, std::span<const Sequence> sequences,
                             std::uint64_t seed) const {
  const auto cloze = draw_cloze(sequences, options_, encoder.mask_item(), seed);
  const auto states = encoder.states(make_sequence_batch(cloze.masked, encoder.mask_item()), sight(), seed);
  return next_item_loss(encoder, states, torch::tensor(cloze.places, torch::kInt64),
                        torch::tensor(cloze.targets, torch::kInt64));
}

Sequence Bert4Rec::input_of(std::span<const ItemIndex> known, const SequenceEncoder& encoder) const {
  const auto count = std::min(known.size(), static_cast<std::size_t>(encoder.shape().length - 1));
  Sequence input(known.end() - static_cast<std::ptrdiff_t>(count), known.end());
  input.push_back(static_cast<ItemIndex>(encoder.mask_item()));
  return input;
}

}  // namespace llama4rec::recommenders
