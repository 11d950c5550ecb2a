#include "recommenders/rating/adam_pass.h"

#include <algorithm>
#include <cmath>

#include "recommenders/adam_constants.h"

namespace llama4rec::recommenders {
namespace {

/// Fewer parameters are done before a second thread has begun. Not used without OpenMP.
[[maybe_unused]] constexpr std::int64_t kParallelFrom = 1 << 14;

}  // namespace

double warm_averaging(double averaging, std::int64_t step) {
  const auto steps = static_cast<double>(step);
  return std::min(averaging, steps / (steps + 10));
}

void adam_pass(const AdamBuffers& buffers, std::int64_t begin, std::int64_t end, const AdamStep& step) {
  const auto steps = static_cast<double>(step.step);
  const auto step_size = static_cast<float>(step.learning_rate / (1.0 - std::pow(kBeta1, steps)));
  const auto inverse_root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(kBeta2, steps)));
  const auto beta1 = static_cast<float>(kBeta1);
  const auto beta2 = static_cast<float>(kBeta2);
  const auto weight_decay = static_cast<float>(step.weight_decay);
  float* const __restrict values = buffers.parameters;
  float* const __restrict gradient = buffers.gradient;
  float* const __restrict first = buffers.first;
  float* const __restrict second = buffers.second;
#pragma omp parallel for simd schedule(static) if (parallel : end - begin >= kParallelFrom)
  for (std::int64_t n = begin; n < end; ++n) {
    const float slope = gradient[n] + weight_decay * values[n];
    gradient[n] = 0;
    first[n] = beta1 * first[n] + (1.0F - beta1) * slope;
    second[n] = beta2 * second[n] + (1.0F - beta2) * slope * slope;
    values[n] -= step_size * first[n] / (std::sqrt(second[n]) * inverse_root + kEpsilon);
  }
  if (step.averaging <= 0) return;
  const auto kept = static_cast<float>(warm_averaging(step.averaging, step.step));
  float* const __restrict averaged = buffers.averaged;
#pragma omp parallel for simd schedule(static) if (parallel : end - begin >= kParallelFrom)
  for (std::int64_t n = begin; n < end; ++n) averaged[n] += (1.0F - kept) * (values[n] - averaged[n]);
}

}  // namespace llama4rec::recommenders
