// Products of small and middle-sized float32 matrices, for kernels that hold their operands in cache.
#pragma once

#include <cstdint>
#include <vector>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

/// Columns that a product computes at once: as many as fit the vector registers beside the rows' sums.
#ifdef __AVX512F__
inline constexpr std::int64_t kPanelColumns = 4 * kLaneWidth;
#else
inline constexpr std::int64_t kPanelColumns = kLaneWidth;
#endif

/// The right operand of a product, stored in panels of kPanelColumns columns, the last one filled up with zeros.
class Panels {
 public:
  Panels() = default;
  Panels(const Panels&) = delete;
  Panels& operator=(const Panels&) = delete;
  Panels(Panels&&) noexcept = default;
  Panels& operator=(Panels&&) noexcept = default;
  ~Panels() = default;

  /// Takes a matrix [rows, columns] whose element (r, c) is values[r * row_stride + c * column_stride].
  void pack(const float* values, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
            std::int64_t column_stride = 1);
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t columns() const { return columns_; }
  /// [rows, kPanelColumns], aligned to 64 bytes.
  [[nodiscard]] const float* panel(std::int64_t number) const { return first_ + number * rows_ * kPanelColumns; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  std::vector<float> values_;
  float* first_ = nullptr;
};

/// The left operand: element (r, c) is values[r * row_stride + c * column_stride].
struct StridedMatrix {
  const float* values = nullptr;
  std::int64_t rows = 0;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;
};

/// result = left * right, or result += left * right; result [left's rows, right's columns], rows `result_stride` values apart. Runs in
/// the calling thread; each sum has one fixed order.
enum class Accumulate { kNo, kYes };
void panel_product(const StridedMatrix& left, const Panels& right, float* result, std::int64_t result_stride,
                   Accumulate accumulate);

}  // namespace llama4rec::recommenders
