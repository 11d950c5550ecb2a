// Matrix products on plain float32 buffers, row-major.
#pragma once

#include <cstdint>

namespace llama4rec::recommenders {

/// A matrix in somebody else's buffer.
struct MatrixView {
  const float* values = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  bool transposed = false;  ///< stands for the transpose of what is stored
  std::int64_t stride = 0;  ///< values between two stored rows; 0: `columns`
};

/// result = left * right, or result += left * right; [left's rows, right's columns], its rows `stride` values apart (0: dense).
enum class Store { kReplace, kAdd };
void multiply(const MatrixView& left, const MatrixView& right, float* result, Store store, std::int64_t stride = 0);

}  // namespace llama4rec::recommenders
