#include "recommenders/rating/interactions/pairwise.h"

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {

void pool_pairs(const ModelShape& shape, const Slice& slice, float* sums, float* pooled) {
  const std::int64_t row = slice.width;
  const std::int64_t field_stride = shape.dimension * row;
  for (std::int64_t k = 0; k < shape.dimension; ++k) {
    for (std::int64_t n = 0; n < row; n += kLaneWidth) {
      const float* from = slice.embeddings + k * row + n;
      Lane sum{};
      Lane squares{};
      for (std::int64_t f = 0; f < shape.fields; ++f, from += field_stride) {
        Lane value;
        load(value, from);
        sum += value;
        squares += value * value;
      }
      store(sums + k * row + n, sum);
      store(pooled + k * row + n, 0.5F * (sum * sum - squares));
    }
  }
}

void add_pool_gradient(const ModelShape& shape, const Slice& slice, const float* sums, const float* pooled_gradient) {
  const std::int64_t row = slice.width;
  const std::int64_t field_stride = shape.dimension * row;
  for (std::int64_t k = 0; k < shape.dimension; ++k) {
    const float* slopes = pooled_gradient == nullptr ? slice.slopes : pooled_gradient + k * row;
    for (std::int64_t n = 0; n < row; n += kLaneWidth) {
      Lane slope;
      Lane sum;
      load(slope, slopes + n);
      load(sum, sums + k * row + n);
      const float* from = slice.embeddings + k * row + n;
      float* to = slice.embedding_gradient + k * row + n;
      for (std::int64_t f = 0; f < shape.fields; ++f, from += field_stride, to += field_stride) {
        Lane value;
        Lane gradient;
        load(value, from);
        load(gradient, to);
        store(to, gradient + slope * (sum - value));
      }
    }
  }
}

torch::Tensor plain_pool_pairs(const torch::Tensor& embeddings) {
  return (embeddings.sum(1).square() - embeddings.square().sum(1)) / 2;
}

FactorizationMachine::FactorizationMachine(const ModelShape& shape)
    : shape_(shape),
      sums_(static_cast<std::size_t>(shape.dimension * shape.width)),
      pooled_(static_cast<std::size_t>(shape.dimension * shape.width)) {}

void FactorizationMachine::forward(const Slice& slice) {
  pool_pairs(shape_, slice, sums_.data(), pooled_.data());
  for (std::int64_t k = 0; k < shape_.dimension; ++k) {
    add_scaled(slice.output, 1, pooled_.data() + k * slice.width, slice.width);
  }
}

void FactorizationMachine::backward(const Slice& slice) { add_pool_gradient(shape_, slice, sums_.data(), nullptr); }

torch::Tensor FactorizationMachine::plain(const PlainBatch& batch) const {
  return plain_pool_pairs(batch.embeddings).sum(1);
}

}  // namespace llama4rec::recommenders
