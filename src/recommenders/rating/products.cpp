#include "recommenders/rating/products.h"

#include "tensor/torch.h"

namespace llama4rec::recommenders {
namespace {

torch::Tensor view(const float* values, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  // from_blob has no form for constant data; operands are only read.
  return torch::from_blob(const_cast<float*>(values), {rows, columns},  // NOLINT(cppcoreguidelines-pro-type-const-cast)
                          {stride == 0 ? columns : stride, 1}, torch::kFloat32);
}

torch::Tensor operand(const MatrixView& matrix) {
  const auto stored = view(matrix.values, matrix.rows, matrix.columns, matrix.stride);
  return matrix.transposed ? stored.t() : stored;
}

}  // namespace

void multiply(const MatrixView& left, const MatrixView& right, float* result, Store store, std::int64_t stride) {
  const c10::InferenceMode no_gradient;
  const auto a = operand(left);
  const auto b = operand(right);
  auto out = view(result, a.size(0), b.size(1), stride);
  if (store == Store::kAdd) {
    at::addmm_out(out, out, a, b);
  } else {
    at::mm_out(out, a, b);
  }
}

}  // namespace llama4rec::recommenders
