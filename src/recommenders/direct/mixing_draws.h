// What MixGCF draws, as functions of the seed, the epoch and the sample: the same for both kinds of kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "recommenders/direct/bpr_sampler.h"
#include "recommenders/direct/counter_random.h"

namespace llama4rec::recommenders {

class MixingDraws {
 public:
  MixingDraws(std::uint64_t seed, std::int64_t epoch);

  /// `count` items for each sample, drawn as negatives are: [samples, count]. A sample with a given item has it in all places.
  /// `first`: number of the first sample in the epoch.
  [[nodiscard]] std::vector<ItemIndex> candidates(const BprSampler& sampler, const BprSamples& batch, std::size_t first,
                                                  std::int64_t count) const;
  /// Key of the mixing coefficients (counter_random.h) of a candidate at a layer.
  [[nodiscard]] std::uint64_t mixing_key(std::size_t sample_in_epoch, std::int64_t layer,
                                         std::int64_t candidate) const {
    return mixed_key(mixed_key(mixed_key(mixing_, sample_in_epoch), static_cast<std::uint64_t>(layer)),
                     static_cast<std::uint64_t>(candidate));
  }
  /// Key of the dropout of a row of a layer's embeddings, in the batch that begins with the sample `first`.
  [[nodiscard]] std::uint64_t dropout_key(std::size_t first, std::int64_t layer, std::int64_t row) const {
    return mixed_key(mixed_key(mixed_key(dropout_, first), static_cast<std::uint64_t>(layer)),
                     static_cast<std::uint64_t>(row));
  }

 private:
  std::uint64_t seed_;
  std::int64_t epoch_;
  std::uint64_t mixing_;
  std::uint64_t dropout_;
};

/// 1 / (1 - rate) with probability 1 - rate, else 0, for sixteen values.
inline Lane dropout_lane(std::uint64_t key, std::uint32_t c, float rate) {
  const Lane zero{};
  return select(uniform_lane(key, c) < rate, zero, zero + 1.0F / (1.0F - rate));
}

}  // namespace llama4rec::recommenders
