#include "recommenders/rating/interactions/attention_pooling.h"

#include <algorithm>
#include <limits>

#include "recommenders/rating/batch_lanes.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::uint64_t kDropoutLayer = 2000;

/// Rows of sixteen samples side by side: rows of a wide buffer lie powers of two apart and would share few cache sets.
void copy_block(const float* from, std::int64_t rows, std::int64_t stride, std::vector<Lane>& to) {
  for (std::int64_t row = 0; row < rows; ++row) load(to[static_cast<std::size_t>(row)], from + row * stride);
}

void add_block(const std::vector<Lane>& from, std::int64_t rows, std::int64_t stride, float* to) {
  for (std::int64_t row = 0; row < rows; ++row) {
    Lane lane;
    load(lane, to + row * stride);
    store(to + row * stride, lane + from[static_cast<std::size_t>(row)]);
  }
}

}  // namespace

AttentionPooling::AttentionPooling(const ModelShape& shape, std::int64_t units, double dropout,
                                   double initial_deviation, ParameterLayout& layout)
    : shape_(shape), units_(units), pairs_(shape.fields * (shape.fields - 1) / 2), dropout_(dropout) {
  const auto initial = [&](std::int64_t in, std::int64_t out) {
    return initial_deviation > 0 ? Initial::normal(initial_deviation) : Initial::glorot(in, out);
  };
  weight_ = layout.add("attention.weight", {units, shape.dimension}, initial(shape.dimension, units));
  bias_ = layout.add("attention.bias", {units}, Initial::constant(0));
  score_ = layout.add("attention.score", {units}, initial(units, 1));
  output_ = layout.add("attention.output", {shape.dimension}, initial(shape.dimension, 1));
  attention_.resize(static_cast<std::size_t>(pairs_ * shape.width));
  pooled_.resize(static_cast<std::size_t>(shape.dimension * shape.width));
  factors_.assign(pooled_.size(), 1.0F);
}

void AttentionPooling::forward(const Slice& slice) {
  const auto dimension = static_cast<std::size_t>(shape_.dimension);
  const auto fields = static_cast<std::size_t>(shape_.fields);
  const float* weight = slice.parameters + weight_;
  const float* bias = slice.parameters + bias_;
  const float* score = slice.parameters + score_;
  std::vector<Lane> block(fields * dimension);
  std::vector<Lane> product(dimension);
  std::vector<Lane> pooled(dimension);
  for (std::int64_t begin = 0; begin < slice.width; begin += kLaneWidth) {
    copy_block(slice.embeddings + begin, shape_.inputs(), slice.width, block);
    float* attention = attention_.data() + begin * pairs_;
    Lane most = Lane{} - std::numeric_limits<float>::max();
    std::int64_t pair = 0;
    for (std::size_t i = 0; i < fields; ++i) {
      for (std::size_t j = i + 1; j < fields; ++j, ++pair) {
        for (std::size_t k = 0; k < dimension; ++k) product[k] = block[i * dimension + k] * block[j * dimension + k];
        Lane total{};
        for (std::int64_t t = 0; t < units_; ++t) {
          Lane unit = Lane{} + bias[t];
          const float* row = weight + t * shape_.dimension;
          for (std::size_t k = 0; k < dimension; ++k) unit += row[k] * product[k];
          total += score[t] * lane_maximum(unit, Lane{});
        }
        store(attention + pair * kLaneWidth, total);
        most = lane_maximum(most, total);
      }
    }
    Lane sum{};
    for (pair = 0; pair < pairs_; ++pair) {
      Lane value;
      load(value, attention + pair * kLaneWidth);
      value = lane_exp(value - most);
      sum += value;
      store(attention + pair * kLaneWidth, value);
    }
    const Lane inverse = 1.0F / sum;
    std::fill(pooled.begin(), pooled.end(), Lane{});
    pair = 0;
    for (std::size_t i = 0; i < fields; ++i) {
      for (std::size_t j = i + 1; j < fields; ++j, ++pair) {
        Lane value;
        load(value, attention + pair * kLaneWidth);
        value *= inverse;
        store(attention + pair * kLaneWidth, value);
        for (std::size_t k = 0; k < dimension; ++k) {
          pooled[k] += value * (block[i * dimension + k] * block[j * dimension + k]);
        }
      }
    }
    for (std::size_t k = 0; k < dimension; ++k) {
      store(pooled_.data() + static_cast<std::int64_t>(k) * slice.width + begin, pooled[k]);
    }
  }
  const bool drops = slice.dropout != nullptr && dropout_ > 0;
  for (std::int64_t k = 0; k < shape_.dimension; ++k) {
    float* factors = factors_.data() + k * slice.width;
    if (drops) {
      DropoutMask(*slice.dropout, kDropoutLayer, dropout_).row(k, slice.first, slice.width, factors);
    } else {
      std::fill_n(factors, slice.width, 1.0F);
    }
    const float* row = pooled_.data() + k * slice.width;
    const float scale = slice.parameters[output_ + k];
    for (std::int64_t s = 0; s < slice.width; ++s) slice.output[s] += scale * factors[s] * row[s];
  }
}

void AttentionPooling::backward(const Slice& slice) {
  const auto dimension = static_cast<std::size_t>(shape_.dimension);
  const auto fields = static_cast<std::size_t>(shape_.fields);
  const auto units = static_cast<std::size_t>(units_);
  const float* weight = slice.parameters + weight_;
  const float* bias = slice.parameters + bias_;
  const float* score = slice.parameters + score_;
  std::vector<Lane> block(fields * dimension);
  std::vector<Lane> block_gradient(fields * dimension);
  std::vector<Lane> product(dimension);
  std::vector<Lane> product_gradient(dimension);
  std::vector<Lane> pooled_gradient(dimension);
  std::vector<Lane> weight_sums(units * dimension, Lane{});
  std::vector<Lane> bias_sums(units, Lane{});
  std::vector<Lane> score_sums(units, Lane{});
  std::vector<Lane> output_sums(dimension, Lane{});
  for (std::int64_t begin = 0; begin < slice.width; begin += kLaneWidth) {
    copy_block(slice.embeddings + begin, shape_.inputs(), slice.width, block);
    std::fill(block_gradient.begin(), block_gradient.end(), Lane{});
    const float* attention = attention_.data() + begin * pairs_;
    Lane slope;
    load(slope, slice.slopes + begin);
    Lane mean{};  // of the attention's slopes, weighted by the attention
    for (std::size_t k = 0; k < dimension; ++k) {
      const std::int64_t place = static_cast<std::int64_t>(k) * slice.width + begin;
      Lane pooled;
      Lane factors;
      load(pooled, pooled_.data() + place);
      load(factors, factors_.data() + place);
      const Lane scaled = slope * factors;
      output_sums[k] += scaled * pooled;
      pooled_gradient[k] = slice.parameters[output_ + static_cast<std::int64_t>(k)] * scaled;
      mean += pooled_gradient[k] * pooled;
    }
    std::int64_t pair = 0;
    for (std::size_t i = 0; i < fields; ++i) {
      for (std::size_t j = i + 1; j < fields; ++j, ++pair) {
        Lane share;
        load(share, attention + pair * kLaneWidth);
        Lane attention_slope{};
        for (std::size_t k = 0; k < dimension; ++k) {
          product[k] = block[i * dimension + k] * block[j * dimension + k];
          attention_slope += pooled_gradient[k] * product[k];
          product_gradient[k] = share * pooled_gradient[k];
        }
        const Lane score_slope = share * (attention_slope - mean);
        for (std::size_t t = 0; t < units; ++t) {
          const float* row = weight + static_cast<std::int64_t>(t) * shape_.dimension;
          Lane unit = Lane{} + bias[t];
          for (std::size_t k = 0; k < dimension; ++k) unit += row[k] * product[k];
          score_sums[t] += score_slope * lane_maximum(unit, Lane{});
          const Lane unit_slope = select(unit > 0.0F, score[t] * score_slope, Lane{});
          bias_sums[t] += unit_slope;
          for (std::size_t k = 0; k < dimension; ++k) {
            weight_sums[t * dimension + k] += unit_slope * product[k];
            product_gradient[k] += row[k] * unit_slope;
          }
        }
        for (std::size_t k = 0; k < dimension; ++k) {
          block_gradient[i * dimension + k] += product_gradient[k] * block[j * dimension + k];
          block_gradient[j * dimension + k] += product_gradient[k] * block[i * dimension + k];
        }
      }
    }
    add_block(block_gradient, shape_.inputs(), slice.width, slice.embedding_gradient + begin);
  }
  const auto write = [&](const std::vector<Lane>& sums, std::int64_t offset) {
    for (std::size_t n = 0; n < sums.size(); ++n) {
      slice.gradient[offset + static_cast<std::int64_t>(n)] = lane_sum(sums[n]);
    }
  };
  write(weight_sums, weight_);
  write(bias_sums, bias_);
  write(score_sums, score_);
  write(output_sums, output_);
}

torch::Tensor AttentionPooling::plain(const PlainBatch& batch) const {
  const auto pairs = torch::triu_indices(shape_.fields, shape_.fields, 1).to(batch.embeddings.device());
  const auto products = batch.embeddings.index_select(1, pairs[0]) * batch.embeddings.index_select(1, pairs[1]);
  const auto hidden =
      torch::relu(torch::matmul(products, batch.parameter("attention.weight").t()) + batch.parameter("attention.bias"));
  const auto shares = torch::softmax(torch::matmul(hidden, batch.parameter("attention.score")), 1);
  auto pooled = (products * shares.unsqueeze(2)).sum(1);
  if (batch.dropout != nullptr && dropout_ > 0) {
    const DropoutMask mask(*batch.dropout, kDropoutLayer, dropout_);
    pooled = pooled * mask.tensor(pooled.size(0), pooled.size(1)).to(pooled.device());
  }
  return torch::mv(pooled, batch.parameter("attention.output"));
}

}  // namespace llama4rec::recommenders
