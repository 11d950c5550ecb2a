// The gradient of a matrix: a product that sums over tokens.
#pragma once

#include <cstdint>

namespace llama4rec::llm {

/// gradient[o, i] += sum over rows of dy[row, o] * x[row, i], in bfloat16 products with float32 sums. dy [rows, out], x [rows, in] and the gradient
/// [out, in] are contiguous. Uses the calling thread alone.
void add_gradient_product(const float* dy, const float* x, std::int64_t rows, std::int64_t out, std::int64_t in,
                          float* gradient);

}  // namespace llama4rec::llm
