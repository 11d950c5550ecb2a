// Arithmetic on the rows of float32 matrices: norms, gelu, biases, exponentials. Forward and backward.
#pragma once

#include <cstdint>

namespace llama4rec::recommenders {

/// What the backward pass of a norm needs to know of a row.
struct RowMoments {
  float mean = 0;
  float inverse_deviation = 0;
};

/// to = gain * (from - mean) / sqrt(variance + epsilon) + bias, row by row; [rows, d].
void layer_norm(const float* from, std::int64_t rows, std::int64_t d, const float* gain, const float* bias, float* to,
                RowMoments* moments);
/// Adds the gradient of a norm's input to `to`, [rows, d], and those of gain and bias, [d].
void layer_norm_backward(const float* from, const RowMoments* moments, const float* slopes, std::int64_t rows,
                         std::int64_t d, const float* gain, float* to, float* gain_slopes, float* bias_slopes);

/// to[n] = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): gelu in its form with tanh (Hendrycks and Gimpel 2016).
void gelu(const float* from, std::int64_t count, float* to);
/// slopes[n] *= gelu'(from[n]).
void gelu_backward(const float* from, std::int64_t count, float* slopes);

/// Every row of [rows, columns] becomes `bias`.
void fill_rows(float* to, std::int64_t rows, std::int64_t columns, const float* bias);
/// to[c] += sum over the rows of from, [rows, columns].
void add_column_sums(const float* from, std::int64_t rows, std::int64_t columns, float* to);

/// line[n] = exp(factor * line[n] - shift) for n < count; returns the sum. factor * line[n] <= shift.
float exponentials(float* line, std::int64_t count, float factor, float shift);
/// Largest of `count` >= 1 values.
float maximum(const float* line, std::int64_t count);

}  // namespace llama4rec::recommenders
