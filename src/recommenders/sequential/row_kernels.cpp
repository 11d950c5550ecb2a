#include "recommenders/sequential/row_kernels.h"

#include <algorithm>
#include <cmath>

#include "recommenders/direct/vector_exp.h"
#include "recommenders/sequential/encoder_shape.h"

namespace llama4rec::recommenders {
namespace {

constexpr float kSlope = 0.7978845608F;  // sqrt(2 / pi)
constexpr float kCube = 0.044715F;

/// Calls visit(lane, n) for whole lanes of a line, the last one filled up with zeros; a lane that visit returns is stored.
template <typename Visit>
void by_lanes(const float* from, std::int64_t count, float* to, Visit visit) {
  std::int64_t n = 0;
  for (; n + kLaneWidth <= count; n += kLaneWidth) {
    Lane lane;
    load(lane, from + n);
    store(to + n, visit(lane, n));
  }
  if (n == count) return;
  float rest[kLaneWidth] = {};
  std::copy(from + n, from + count, rest);
  Lane lane;
  load(lane, rest);
  store(rest, visit(lane, n));
  std::copy(rest, rest + (count - n), to + n);
}

/// sigmoid(2 u) of gelu's u.
[[gnu::always_inline]] inline Lane gelu_share(const Lane& x) {
  const Lane u = kSlope * (x + kCube * x * x * x);
  Lane power = -2.0F * u;
  const Lane most = Lane{} + 80.0F;
  power = select(power > most, most, power);
  return 1.0F / (1.0F + exp_lane(power));
}

}  // namespace

void layer_norm(const float* from, std::int64_t rows, std::int64_t d, const float* gain, const float* bias, float* to,
                RowMoments* moments) {
  const auto inverse = 1.0F / static_cast<float>(d);
  for (std::int64_t row = 0; row < rows; ++row, from += d, to += d) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t n = 0; n < d; ++n) sum += from[n];
    const float mean = sum * inverse;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t n = 0; n < d; ++n) squares += (from[n] - mean) * (from[n] - mean);
    const float deviation = 1.0F / std::sqrt(squares * inverse + static_cast<float>(kEncoderNormEpsilon));
    moments[row] = {.mean = mean, .inverse_deviation = deviation};
#pragma omp simd
    for (std::int64_t n = 0; n < d; ++n) to[n] = (from[n] - mean) * deviation * gain[n] + bias[n];
  }
}

void layer_norm_backward(const float* from, const RowMoments* moments, const float* slopes, std::int64_t rows,
                         std::int64_t d, const float* gain, float* to, float* gain_slopes, float* bias_slopes) {
  const auto inverse = 1.0F / static_cast<float>(d);
  for (std::int64_t row = 0; row < rows; ++row, from += d, to += d, slopes += d) {
    const float mean = moments[row].mean;
    const float deviation = moments[row].inverse_deviation;
    float sum = 0;
    float product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (std::int64_t n = 0; n < d; ++n) {
      const float normal = (from[n] - mean) * deviation;
      const float slope = slopes[n] * gain[n];
      sum += slope;
      product += slope * normal;
    }
    sum *= inverse;
    product *= inverse;
#pragma omp simd
    for (std::int64_t n = 0; n < d; ++n) {
      const float normal = (from[n] - mean) * deviation;
      gain_slopes[n] += slopes[n] * normal;
      bias_slopes[n] += slopes[n];
      to[n] += deviation * (slopes[n] * gain[n] - sum - normal * product);
    }
  }
}

void gelu(const float* from, std::int64_t count, float* to) {
  by_lanes(from, count, to, [](const Lane& x, std::int64_t) { return x * gelu_share(x); });
}

void gelu_backward(const float* from, std::int64_t count, float* slopes) {
  by_lanes(from, count, slopes, [&](const Lane& x, std::int64_t n) {
    const Lane share = gelu_share(x);
    const Lane derivative = share + x * share * (1.0F - share) * (2.0F * kSlope) * (1.0F + 3.0F * kCube * x * x);
    Lane before{};
    if (n + kLaneWidth <= count) {
      load(before, slopes + n);
    } else {
      float rest[kLaneWidth] = {};
      std::copy(slopes + n, slopes + count, rest);
      load(before, rest);
    }
    return before * derivative;
  });
}

void fill_rows(float* to, std::int64_t rows, std::int64_t columns, const float* bias) {
  for (std::int64_t row = 0; row < rows; ++row, to += columns) std::copy_n(bias, columns, to);
}

void add_column_sums(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  for (std::int64_t row = 0; row < rows; ++row, from += columns) {
#pragma omp simd
    for (std::int64_t n = 0; n < columns; ++n) to[n] += from[n];
  }
}

float exponentials(float* line, std::int64_t count, float factor, float shift) {
  Lane sums{};
  by_lanes(line, count, line, [&](const Lane& x, std::int64_t n) {
    const Lane power = exp_lane(factor * x - shift);
    if (n + kLaneWidth <= count) {
      sums += power;
    } else {
      float rest[kLaneWidth] = {};
      for (std::int64_t i = 0; n + i < count; ++i) rest[i] = power[i];
      sums += load_sixteen(rest);
    }
    return power;
  });
  float total = 0;
  for (std::int64_t n = 0; n < kLaneWidth; ++n) total += sums[n];
  return total;
}

float maximum(const float* line, std::int64_t count) {
  float most = line[0];
#pragma omp simd reduction(max : most)
  for (std::int64_t n = 1; n < count; ++n) most = line[n] > most ? line[n] : most;
  return most;
}

}  // namespace llama4rec::recommenders
