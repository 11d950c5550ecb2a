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

std::vector<std::size_t> Bert4Rec::hidden_places(std::size_t length, RandomStream& random) const {
  if (random.uniform() < options_.last_share) return {length - 1};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < length; ++i) {
    if (random.uniform() < options_.mask_probability) places.push_back(i);
  }
  if (places.empty()) return {random.below(length)};
  if (places.size() == length) places.erase(places.begin() + static_cast<std::ptrdiff_t>(random.below(length)));
  return places;
}

SequenceLesson Bert4Rec::lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                                std::uint64_t seed) const {
  RandomStream random(seed, "recommenders.bert4rec_masks");
  SequenceLesson result{.sight = sight(), .seed = seed};
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    Sequence masked = sequences[row];
    for (const auto place : hidden_places(masked.size(), random)) {
      result.targets.push_back(
          {.row = static_cast<std::int64_t>(row), .position = static_cast<std::int64_t>(place), .item = masked[place]});
      masked[place] = static_cast<ItemIndex>(shape.items);
    }
    result.inputs.push_back(std::move(masked));
  }
  return result;
}

Sequence Bert4Rec::input_of(std::span<const ItemIndex> known, const EncoderShape& shape) const {
  const auto count = std::min(known.size(), static_cast<std::size_t>(shape.length - 1));
  Sequence input(known.end() - static_cast<std::ptrdiff_t>(count), known.end());
  input.push_back(static_cast<ItemIndex>(shape.items));
  return input;
}

}  // namespace llama4rec::recommenders
