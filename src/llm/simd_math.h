// Small vectorisable float kernels on rows: exponentials, sums, dot products. No libtorch here.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace llama4rec::llm::simd {

/// e^x with a relative error below 2e-7; 0 below -87 (so also for -infinity), e^88 above 88. Branch-free, so that
/// loops over it vectorise; the same result on every machine with IEEE floats and fused or unfused products up to rounding.
inline float exponential(float x) {
  const float clamped = x > 88.0F ? 88.0F : (x < -87.0F ? -87.0F : x);
  // Rounds to an integer by adding 1.5 * 2^23.
  const float shifted = clamped * 1.44269504F + 12582912.0F;
  const float integer = shifted - 12582912.0F;
  const float r = (clamped - integer * 0.693359375F) - integer * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto bits = std::bit_cast<std::int32_t>(shifted) - 0x4B400000 + 127;
  const float result = p * std::bit_cast<float>(bits << 23);
  return x < -87.0F ? 0.0F : result;
}

inline float sigmoid(float x) { return 1.0F / (1.0F + exponential(-x)); }

inline float maximum(const float* row, std::int64_t n) {
  float best = row[0];
#pragma omp simd reduction(max : best)
  for (std::int64_t i = 0; i < n; ++i) best = row[i] > best ? row[i] : best;
  return best;
}

inline float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// row[i] = e^(row[i] - shift); returns their sum.
inline float exponentiate(float* row, float shift, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    row[i] = exponential(row[i] - shift);
    sum += row[i];
  }
  return sum;
}

/// Sum of e^(row[i] - shift).
inline float exponential_sum(const float* row, float shift, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += exponential(row[i] - shift);
  return sum;
}

inline void scale(float* row, float factor, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
}

}  // namespace llama4rec::llm::simd
