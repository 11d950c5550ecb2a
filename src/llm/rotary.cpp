#include "llm/rotary.h"

#include <ATen/Parallel.h>

#include <numbers>

#include "llm/layers.h"

namespace llama4rec::llm {

using torch::Tensor;

namespace {

/// `frequency` in radians per position, slowed down as RotaryScaling says.
double scaled(double frequency, const RotaryScaling& scaling) {
  if (scaling.factor == 1) return frequency;
  const double wavelength = 2 * std::numbers::pi / frequency;
  const auto context = static_cast<double>(scaling.original_context);
  if (wavelength < context / scaling.high_frequency_factor) return frequency;
  if (wavelength > context / scaling.low_frequency_factor) return frequency / scaling.factor;
  const double kept = (context / wavelength - scaling.low_frequency_factor) /
                      (scaling.high_frequency_factor - scaling.low_frequency_factor);
  return kept * frequency + (1 - kept) * frequency / scaling.factor;
}

}  // namespace

RotaryTable::RotaryTable(std::int64_t context, std::int64_t dimension, double theta, const RotaryScaling& scaling,
                         const torch::Device& device)
    : dimension_(dimension) {
  const auto half = dimension / 2;
  auto frequencies = torch::pow(theta, torch::arange(half, torch::kFloat64) * (-2.0 / static_cast<double>(dimension)));
  auto* frequency = frequencies.data_ptr<double>();
  for (std::int64_t i = 0; i < half; ++i) frequency[i] = scaled(frequency[i], scaling);
  const auto angles = torch::outer(torch::arange(context, torch::kFloat64), frequencies);
  cosines_ = angles.cos().to(torch::kFloat32).to(device);
  sines_ = angles.sin().to(torch::kFloat32).to(device);
}

void RotaryTable::rotate(Tensor& x, const Tensor& positions, std::int64_t heads, int direction) const {
  const auto rows = x.size(0);
  const auto stride = x.size(1);
  const auto half = dimension_ / 2;
  if (!use_fused(x)) {
    auto part = x.narrow(1, 0, heads * dimension_).view({rows, heads, 2, half});
    const auto c = cosines_.index_select(0, positions).unsqueeze(1);
    const auto s = sines_.index_select(0, positions).unsqueeze(1) * direction;
    const auto first = part.select(2, 0) * c - part.select(2, 1) * s;
    const auto second = part.select(2, 1) * c + part.select(2, 0) * s;
    part.select(2, 0).copy_(first);
    part.select(2, 1).copy_(second);
    return;
  }
  float* base = x.data_ptr<float>();
  const std::int64_t* position = positions.data_ptr<std::int64_t>();
  at::parallel_for(0, rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) rotate_row(base + row * stride, position[row], heads, direction);
  });
}

void RotaryTable::rotate_row(float* row, std::int64_t position, std::int64_t heads, int direction) const {
  const auto half = dimension_ / 2;
  const float* c = cosines_.data_ptr<float>() + position * half;
  const float* s = sines_.data_ptr<float>() + position * half;
  const auto sign = static_cast<float>(direction);
  for (std::int64_t head = 0; head < heads; ++head) {
    float* a = row + head * dimension_;
    float* b = a + half;
#pragma omp simd
    for (std::int64_t i = 0; i < half; ++i) {
      const float turned = s[i] * sign;
      const float first = a[i] * c[i] - b[i] * turned;
      b[i] = b[i] * c[i] + a[i] * turned;
      a[i] = first;
    }
  }
}

Tensor RotaryTable::rotated(const Tensor& x, const Tensor& positions) const {
  const auto c = cosines_.index_select(0, positions).unsqueeze(1);
  const auto s = sines_.index_select(0, positions).unsqueeze(1);
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
}

}  // namespace llama4rec::llm
