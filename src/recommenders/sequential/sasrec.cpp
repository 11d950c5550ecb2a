#include "recommenders/sequential/sasrec.h"

#include <algorithm>

#include "core/random.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

/// For each target a uniform item that its window does not hold. A window that holds everything has no negative: its own target's
/// neighbour in the catalogue stands in.
Tensor draw_negatives(std::span<const Sequence> sequences, std::int64_t items, std::uint64_t seed) {
  RandomStream random(seed, "recommenders.sasrec_negatives");
  std::vector<std::int64_t> negatives;
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
      negatives.push_back(item);
    }
  }
  return torch::tensor(negatives, torch::kInt64);
}

}  // namespace

void SasRecOptions::declare(config::OptionVisitor& visit) {
  visit.option("sasrec.loss", loss, config::one_of({"softmax", "bce"}),
               "What a position learns from: all items, or one negative as in SASRec's paper.");
}

NextItemTargets next_item_targets(std::span<const Sequence> sequences, std::int64_t padding) {
  std::vector<Sequence> inputs;
  std::size_t longest = 1;
  for (const auto& sequence : sequences) {
    inputs.emplace_back(sequence.begin(), sequence.end() - 1);
    longest = std::max(longest, inputs.back().size());
  }
  std::vector<std::int64_t> places;
  std::vector<std::int64_t> targets;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const auto first = (row + 1) * longest - inputs[row].size();
    for (std::size_t i = 1; i < sequences[row].size(); ++i) {
      places.push_back(static_cast<std::int64_t>(first + i - 1));
      targets.push_back(sequences[row][i]);
    }
  }
  return {.batch = make_sequence_batch(inputs, padding),
          .places = torch::tensor(places, torch::kInt64),
          .targets = torch::tensor(targets, torch::kInt64)};
}

Tensor SasRec::loss(const SequenceEncoder& encoder, std::span<const Sequence> sequences, std::uint64_t seed) const {
  const auto next = next_item_targets(sequences, encoder.mask_item());
  const auto states = encoder.states(next.batch, sight(), seed);
  if (options_.loss == "softmax") return next_item_loss(encoder, states, next.places, next.targets);
  const auto at = states.reshape({-1, encoder.shape().dimension}).index_select(0, next.places.to(encoder.device()));
  const auto score_of = [&](const Tensor& items) {
    return (at * torch::embedding(encoder.item_embeddings(), items.to(encoder.device()))).sum(1);
  };
  const auto negatives = draw_negatives(sequences, encoder.shape().items, seed);
  return -(torch::log_sigmoid(score_of(next.targets)) + torch::log_sigmoid(-score_of(negatives))).mean();
}

Sequence SasRec::input_of(std::span<const ItemIndex> known, const SequenceEncoder& encoder) const {
  const auto count = std::min(known.size(), static_cast<std::size_t>(encoder.shape().length));
  return {known.end() - static_cast<std::ptrdiff_t>(count), known.end()};
}

}  // namespace llama4rec::recommenders
