#include "recommenders/rating/ridge.h"

#include <cmath>

namespace llama4rec::recommenders {

bool solve_positive_definite(std::int64_t size, std::vector<double>& matrix, std::vector<double>& right) {
  const auto n = static_cast<std::size_t>(size);
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t column = 0; column <= row; ++column) {
      double value = matrix[row * n + column];
      for (std::size_t k = 0; k < column; ++k) value -= matrix[row * n + k] * matrix[column * n + k];
      if (row == column) {
        if (!(value > 0)) return false;
        matrix[row * n + row] = std::sqrt(value);
      } else {
        matrix[row * n + column] = value / matrix[column * n + column];
      }
    }
  }
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t k = 0; k < row; ++k) right[row] -= matrix[row * n + k] * right[k];
    right[row] /= matrix[row * n + row];
  }
  for (std::size_t row = n; row-- > 0;) {
    for (std::size_t k = row + 1; k < n; ++k) right[row] -= matrix[k * n + row] * right[k];
    right[row] /= matrix[row * n + row];
  }
  return true;
}

}  // namespace llama4rec::recommenders
