// Dropout whose masks are a function of where they are, not of a generator: the same for any slicing, kernel and resumed training.
#pragma once

#include <cstdint>

#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// Which step of a training a mask belongs to.
struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint64_t batch = 0;
};

/// A layer's masks: each unit of each sample is dropped with `rate`, the others are scaled by 1 / (1 - rate).
class DropoutMask {
 public:
  DropoutMask(const DropoutKey& key, std::uint64_t layer, double rate);
  /// factors[n] = 0 or 1 / (1 - rate) for the samples first + n of the batch, n < count.
  void row(std::int64_t unit, std::int64_t first, std::int64_t count, float* factors) const;
  /// [batch, units], the same factors.
  [[nodiscard]] torch::Tensor tensor(std::int64_t batch, std::int64_t units) const;

 private:
  std::uint64_t key_;
  std::uint32_t threshold_;  ///< of 2^31
  float scale_;
};

}  // namespace llama4rec::recommenders
