#include "recommenders/direct/mixing_draws.h"

#include <algorithm>

namespace llama4rec::recommenders {

MixingDraws::MixingDraws(std::uint64_t seed, std::int64_t epoch)
    : seed_(seed),
      epoch_(epoch),
      mixing_(derived_seed(seed, "recommenders.mixgcf.mixing", {static_cast<std::uint64_t>(epoch)})),
      dropout_(derived_seed(seed, "recommenders.mixgcf.dropout", {static_cast<std::uint64_t>(epoch)})) {}

std::vector<ItemIndex> MixingDraws::candidates(const BprSampler& sampler, const BprSamples& batch, std::size_t first,
                                               std::int64_t count) const {
  std::vector<ItemIndex> items(batch.size() * static_cast<std::size_t>(count));
  const auto samples = static_cast<std::int64_t>(batch.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < samples; ++n) {
    const auto sample = static_cast<std::size_t>(n);
    const auto own = items.begin() + n * count;
    if (batch.is_given(sample)) {
      std::fill_n(own, count, batch.others[sample]);
      continue;
    }
    RandomStream stream(seed_, "recommenders.mixgcf.candidates",
                        {static_cast<std::uint64_t>(epoch_), static_cast<std::uint64_t>(first + sample)});
    std::generate_n(own, count, [&] { return sampler.draw_other(batch.users[sample], stream); });
  }
  return items;
}

}  // namespace llama4rec::recommenders
