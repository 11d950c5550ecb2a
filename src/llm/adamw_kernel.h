// The arithmetic of AdamW on a piece of memory.
#pragma once

#include <cstdint>

namespace llama4rec::llm {

/// What a step does to every element.
struct AdamWStep {
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;
  float keep = 1;               ///< of the weight: 1 - learning rate * decay
  float rate = 0;               ///< learning rate / (1 - beta1^steps)
  float second_correction = 1;  ///< sqrt(1 - beta2^steps)
};

/// Updates `count` weights and their moments.
void adamw_step(const AdamWStep& step, const float* gradient, float* first, float* second, float* weight,
                std::int64_t count);

}  // namespace llama4rec::llm
