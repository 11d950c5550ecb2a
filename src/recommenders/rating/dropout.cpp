#include "recommenders/rating/dropout.h"

#include <vector>

#include "core/random.h"

namespace llama4rec::recommenders {
namespace {

/// A permutation of the 32-bit values that looks random (the finaliser of MurmurHash3).
inline std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16U;
  x *= 0x85ebca6bU;
  x ^= x >> 13U;
  x *= 0xc2b2ae35U;
  x ^= x >> 16U;
  return x;
}

}  // namespace

DropoutMask::DropoutMask(const DropoutKey& key, std::uint64_t layer, double rate)
    : key_(derived_seed(key.seed, "recommenders.rating.dropout", {key.epoch, key.batch, layer})),
      threshold_(static_cast<std::uint32_t>(rate * 2147483648.0)),
      scale_(static_cast<float>(1 / (1 - rate))) {}

void DropoutMask::row(std::int64_t unit, std::int64_t first, std::int64_t count, float* factors) const {
  const auto start = mixed(static_cast<std::uint32_t>(key_) + 0x9e3779b9U * static_cast<std::uint32_t>(unit));
  const auto high = static_cast<std::uint32_t>(key_ >> 32U);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::uint32_t draw = mixed((start ^ high) + 0x9e3779b9U * static_cast<std::uint32_t>(first + n));
    factors[n] = (draw >> 1U) < threshold_ ? 0.0F : scale_;
  }
}

torch::Tensor DropoutMask::tensor(std::int64_t batch, std::int64_t units) const {
  torch::Tensor factors = torch::empty({units, batch}, torch::kFloat32);
  for (std::int64_t unit = 0; unit < units; ++unit) row(unit, 0, batch, factors.data_ptr<float>() + unit * batch);
  return factors.t();
}

}  // namespace llama4rec::recommenders
