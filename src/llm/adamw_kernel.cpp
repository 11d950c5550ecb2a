#include "llm/adamw_kernel.h"

#include <cmath>

namespace llama4rec::llm {

void adamw_step(const AdamWStep& step, const float* __restrict gradient, float* __restrict first,
                float* __restrict second, float* __restrict weight, std::int64_t count) {
  const AdamWStep s = step;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    first[i] = s.beta1 * first[i] + (1 - s.beta1) * gradient[i];
    second[i] = s.beta2 * second[i] + (1 - s.beta2) * gradient[i] * gradient[i];
    weight[i] = s.keep * weight[i] - s.rate * first[i] / (std::sqrt(second[i]) / s.second_correction + s.epsilon);
  }
}

}  // namespace llama4rec::llm
