#include "recommenders/direct/info_nce.h"

#include <algorithm>
#include <cmath>

#include "recommenders/direct/lanes.h"
#include "recommenders/direct/vector_exp.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::int64_t kGroups = 8;  // of rows, each with sums of its own: fixed, so that the order of sums is
constexpr std::int64_t kTile = 64;   // rows whose similarities to all nodes are in memory at once, per group

torch::Tensor matrix(float* values, std::int64_t rows, std::int64_t columns) {
  return torch::from_blob(values, {rows, columns}, torch::kFloat32);
}

/// Copies the rows at length 1.
void normalise(std::span<const std::int32_t> rows, const float* view, std::int64_t stride, std::vector<float>& unit,
               std::vector<float>& inverse) {
  unit.resize(rows.size() * static_cast<std::size_t>(stride));
  inverse.resize(rows.size());
  const auto count = static_cast<std::int64_t>(rows.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < count; ++n) {
    const float* from = view + rows[static_cast<std::size_t>(n)] * stride;
    float* to = unit.data() + n * stride;
    double square = 0;
    for (std::int64_t c = 0; c < stride; ++c) square += static_cast<double>(from[c]) * static_cast<double>(from[c]);
    const float factor = square > 0 ? static_cast<float>(1.0 / std::sqrt(square)) : 0.0F;
    inverse[static_cast<std::size_t>(n)] = factor;
    for (std::int64_t c = 0; c < stride; ++c) to[c] = factor * from[c];
  }
}

/// Adds to `gradient` what the slope of a unit vector z means for the vector itself: (slope - z (z . slope)) / length.
void add_projected(const float* slope, const float* unit, float inverse, std::int64_t stride, float* gradient) {
  double along = 0;
  for (std::int64_t c = 0; c < stride; ++c) along += static_cast<double>(slope[c]) * static_cast<double>(unit[c]);
  const auto component = static_cast<float>(along);
  for (std::int64_t c = 0; c < stride; ++c) gradient[c] += inverse * (slope[c] - component * unit[c]);
}

}  // namespace

double InfoNce::add(std::span<const std::int32_t> rows, const float* view1, const float* view2, double weight,
                    float* gradient1, float* gradient2) {
  const auto count = static_cast<std::int64_t>(rows.size());
  if (count == 0) return 0;
  normalise(rows, view1, stride_, unit1_, inverse1_);
  normalise(rows, view2, stride_, unit2_, inverse2_);
  const auto size = rows.size() * static_cast<std::size_t>(stride_);
  slope1_.resize(size);
  partial2_.assign(size * kGroups, 0.0F);
  losses_.assign(kGroups, 0.0);
  tiles_.resize(kGroups);
  const auto sharpness = static_cast<float>(1.0 / temperature_);
  const auto scale = static_cast<float>(weight / (static_cast<double>(count) * temperature_));
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t group = 0; group < kGroups; ++group) {
    const torch::NoGradGuard no_gradient;
    auto& tile = tiles_[static_cast<std::size_t>(group)];
    tile.resize(static_cast<std::size_t>(kTile * count));
    const std::int64_t end = count * (group + 1) / kGroups;
    const auto all2 = matrix(unit2_.data(), count, stride_);
    auto sum2 = matrix(partial2_.data() + group * count * stride_, count, stride_);
    for (std::int64_t first = count * group / kGroups; first < end; first += kTile) {
      const std::int64_t height = std::min(kTile, end - first);
      const auto own1 = matrix(unit1_.data() + first * stride_, height, stride_);
      auto similarities = matrix(tile.data(), height, count);
      torch::mm_out(similarities, own1, all2.t());
      for (std::int64_t n = 0; n < height; ++n) {
        float* line = tile.data() + n * count;
        const float own = line[first + n];
        // Similarities are at most 1: exp((s - 1) / t) needs no search for the largest.
        const double total = exp_and_sum(line, count, sharpness);
        losses_[static_cast<std::size_t>(group)] +=
            std::log(total) - static_cast<double>(sharpness) * (static_cast<double>(own) - 1.0);
        const float factor = scale / static_cast<float>(total);
        for (std::int64_t c = 0; c < count; ++c) line[c] *= factor;
        line[first + n] -= scale;
      }
      auto slopes = matrix(slope1_.data() + first * stride_, height, stride_);
      torch::mm_out(slopes, similarities, all2);
      sum2.addmm_(similarities.t(), own1);
    }
  }
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < count; ++n) {
    float* const total = partial2_.data() + n * stride_;
    for (std::int64_t group = 1; group < kGroups; ++group) {
      add_scaled(total, 1.0F, partial2_.data() + (group * count + n) * stride_, stride_);
    }
    const auto row = static_cast<std::size_t>(n);
    const std::int64_t node = rows[row] * stride_;
    add_projected(slope1_.data() + n * stride_, unit1_.data() + n * stride_, inverse1_[row], stride_, gradient1 + node);
    add_projected(total, unit2_.data() + n * stride_, inverse2_[row], stride_, gradient2 + node);
  }
  double loss = 0;
  for (const double part : losses_) loss += part;
  return loss / static_cast<double>(count);
}

}  // namespace llama4rec::recommenders
