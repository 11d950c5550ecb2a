#include "recommenders/sequential/sasrec.h"

#include <algorithm>

#include "core/random.h"

namespace llama4rec::recommenders {
namespace {

/// For each target a uniform item that its window does not hold. A window that holds everything has no negative: its own target's
/// neighbour in the catalogue stands in.
void draw_negatives(std::span<const Sequence> sequences, std::int64_t items, std::uint64_t seed,
                    std::vector<SequenceTarget>& targets) {
  RandomStream random(seed, "recommenders.sasrec_negatives");
  auto target = targets.begin();
  for (const auto& sequence : sequences) {
    Sequence sorted = sequence;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    const bool full = static_cast<std::int64_t>(sorted.size()) >= items;
    for (std::size_t i = 1; i < sequence.size(); ++i) {
      auto item = static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(items)));
      while (!full && std::binary_search(sorted.begin(), sorted.end(), item)) {
        item = static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(items)));
      }
      if (full) item = static_cast<ItemIndex>((sequence[i] + 1) % items);
      (target++)->other = item;
    }
  }
}

}  // namespace

void SasRecOptions::declare(config::OptionVisitor& visit) {
  visit.option("sasrec.loss", loss, config::one_of({"softmax", "bce"}),
               "What a position learns from: all items, or one negative as in SASRec's paper.");
}

SequenceLesson SasRec::lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                              std::uint64_t seed) const {
  SequenceLesson result{.sight = sight(), .seed = seed, .negatives = options_.loss == "bce"};
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const auto& sequence = sequences[row];
    result.inputs.emplace_back(sequence.begin(), sequence.end() - 1);
    for (std::size_t i = 1; i < sequence.size(); ++i) {
      result.targets.push_back(
          {.row = static_cast<std::int64_t>(row), .position = static_cast<std::int64_t>(i) - 1, .item = sequence[i]});
    }
  }
  if (result.negatives) draw_negatives(sequences, shape.items, seed, result.targets);
  return result;
}

Sequence SasRec::input_of(std::span<const ItemIndex> known, const EncoderShape& shape) const {
  const auto count = std::min(known.size(), static_cast<std::size_t>(shape.length));
  return {known.end() - static_cast<std::ptrdiff_t>(count), known.end()};
}

}  // namespace llama4rec::recommenders
