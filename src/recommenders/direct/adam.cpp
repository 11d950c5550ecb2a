#include "recommenders/direct/adam.h"

#include <cmath>
#include <utility>

#include <llama4rec/error.h>

#include "recommenders/adam_constants.h"

namespace llama4rec::recommenders {
Adam::Adam(std::size_t parameters, double learning_rate, std::int64_t parallel_from)
    : learning_rate_(learning_rate),
      parallel_from_(parallel_from),
      first_(parameters, 0.0F),
      second_(parameters, 0.0F) {}

void Adam::step(std::span<float> parameters, std::span<const float> gradient) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(kBeta2, static_cast<double>(steps_));
  const auto step_size = static_cast<float>(learning_rate_ / correction1);
  const auto inverse_root = static_cast<float>(1.0 / std::sqrt(correction2));
  const auto beta1 = static_cast<float>(kBeta1);
  const auto beta2 = static_cast<float>(kBeta2);
  float* values = parameters.data();
  const float* slopes = gradient.data();
  float* first = first_.data();
  float* second = second_.data();
  const auto count = static_cast<std::int64_t>(parameters.size());
#pragma omp parallel for simd schedule(static) if (parallel : count >= parallel_from_)
  for (std::int64_t n = 0; n < count; ++n) {
    const float slope = slopes[n];
    first[n] = beta1 * first[n] + (1.0F - beta1) * slope;
    second[n] = beta2 * second[n] + (1.0F - beta2) * slope * slope;
    values[n] -= step_size * first[n] / (std::sqrt(second[n]) * inverse_root + kEpsilon);
  }
}

void Adam::restore(std::int64_t steps, std::vector<float> first, std::vector<float> second) {
  if (first.size() != first_.size() || second.size() != second_.size() || steps < 0) {
    throw InternalError("Adam: a state of another number of parameters");
  }
  steps_ = steps;
  first_ = std::move(first);
  second_ = std::move(second);
}

}  // namespace llama4rec::recommenders
