#include "recommenders/rating/interactions/compressed_interaction.h"

#include <algorithm>

#include <fmt/format.h>

#include "recommenders/rating/batch_lanes.h"
#include "recommenders/rating/products.h"

namespace llama4rec::recommenders {
namespace {

/// Columns whose products are held at once: more would leave the cache, fewer would make the matrix products thin.
constexpr std::int64_t kColumnsAtOnce = 256;

}  // namespace

CompressedInteraction::CompressedInteraction(const ModelShape& shape, const std::vector<std::int64_t>& maps,
                                             bool split_half, double initial_deviation, ParameterLayout& layout)
    : shape_(shape) {
  std::int64_t inputs = shape.fields;
  std::int64_t direct = 0;
  std::int64_t most = 0;
  for (std::size_t n = 0; n < maps.size(); ++n) {
    const bool last = n + 1 == maps.size();
    const std::int64_t width = inputs * shape.fields;
    const std::int64_t onward = last ? 0 : (split_half ? maps[n] / 2 : maps[n]);
    Layer layer{.inputs = inputs, .maps = maps[n], .first_direct = split_half ? onward : 0};
    layer.weight =
        layout.add(fmt::format("cin.weight.{}", n), {maps[n], width},
                   initial_deviation > 0 ? Initial::normal(initial_deviation) : Initial::glorot(width, maps[n]));
    layer.bias = layout.add(fmt::format("cin.bias.{}", n), {maps[n]}, Initial::constant(0));
    layer.output = direct;
    layer.values.resize(static_cast<std::size_t>(maps[n] * shape.dimension * shape.width));
    layer.gradient.resize(layer.values.size());
    direct += maps[n] - layer.first_direct;
    inputs = onward;
    layers_.push_back(std::move(layer));
    most = std::max(most, products(n));
  }
  const std::int64_t output = layout.add(
      "cin.output", {direct}, initial_deviation > 0 ? Initial::normal(initial_deviation) : Initial::glorot(direct, 1));
  for (Layer& layer : layers_) layer.output += output;
  folded_.resize(static_cast<std::size_t>(layers_.front().maps * products(0)));
  folded_gradient_.resize(folded_.size());
  products_.resize(static_cast<std::size_t>(most * kColumnsAtOnce));
  product_gradient_.resize(products_.size());
}

std::int64_t CompressedInteraction::products(std::size_t layer) const {
  return symmetric(layer) ? shape_.fields * (shape_.fields + 1) / 2 : layers_[layer].inputs * shape_.fields;
}

void CompressedInteraction::fold_weights(const Slice& slice) {
  const Layer& layer = layers_.front();
  const std::int64_t fields = shape_.fields;
  float* to = folded_.data();
  for (std::int64_t map = 0; map < layer.maps; ++map) {
    const float* weight = slice.parameters + layer.weight + map * fields * fields;
    for (std::int64_t i = 0; i < fields; ++i) {
      *to++ = weight[i * fields + i];
      for (std::int64_t j = i + 1; j < fields; ++j) *to++ = weight[i * fields + j] + weight[j * fields + i];
    }
  }
}

/// products_ = [products, count], of the columns [begin, begin + count) of [dimension * width].
void CompressedInteraction::fill_products(const Slice& slice, std::size_t layer, std::int64_t begin,
                                          std::int64_t count) {
  const std::int64_t columns = shape_.dimension * slice.width;
  const float* inputs = layer == 0 ? slice.embeddings : layers_[layer - 1].values.data();
  float* to = products_.data();
  for (std::int64_t i = 0; i < layers_[layer].inputs; ++i) {
    const float* a = inputs + i * columns + begin;
    for (std::int64_t j = symmetric(layer) ? i : 0; j < shape_.fields; ++j, to += count) {
      const float* b = slice.embeddings + j * columns + begin;
      for (std::int64_t c = 0; c < count; ++c) to[c] = a[c] * b[c];
    }
  }
}

/// From product_gradient_, [products, count], to the embeddings and the maps before.
void CompressedInteraction::add_product_gradient(const Slice& slice, std::size_t layer, std::int64_t begin,
                                                 std::int64_t count) {
  const std::int64_t columns = shape_.dimension * slice.width;
  const float* inputs = layer == 0 ? slice.embeddings : layers_[layer - 1].values.data();
  float* input_gradient = layer == 0 ? slice.embedding_gradient : layers_[layer - 1].gradient.data();
  const float* from = product_gradient_.data();
  for (std::int64_t i = 0; i < layers_[layer].inputs; ++i) {
    const float* a = inputs + i * columns + begin;
    float* a_gradient = input_gradient + i * columns + begin;
    for (std::int64_t j = symmetric(layer) ? i : 0; j < shape_.fields; ++j, from += count) {
      const float* b = slice.embeddings + j * columns + begin;
      float* b_gradient = slice.embedding_gradient + j * columns + begin;
      for (std::int64_t c = 0; c < count; c += kLaneWidth) {
        Lane slope;
        Lane a_lane;
        Lane b_lane;
        Lane sum;
        load(slope, from + c);
        load(a_lane, a + c);
        load(b_lane, b + c);
        load(sum, a_gradient + c);
        store(a_gradient + c, sum + slope * b_lane);
        load(sum, b_gradient + c);  // after the store: i and j may be one field
        store(b_gradient + c, sum + slope * a_lane);
      }
    }
  }
}

void CompressedInteraction::forward(const Slice& slice) {
  const std::int64_t columns = shape_.dimension * slice.width;
  fold_weights(slice);
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    Layer& layer = layers_[n];
    const float* weight = symmetric(n) ? folded_.data() : slice.parameters + layer.weight;
    for (std::int64_t begin = 0; begin < columns; begin += kColumnsAtOnce) {
      const std::int64_t count = std::min(kColumnsAtOnce, columns - begin);
      fill_products(slice, n, begin, count);
      multiply({.values = weight, .rows = layer.maps, .columns = products(n)},
               {.values = products_.data(), .rows = products(n), .columns = count}, layer.values.data() + begin,
               Store::kReplace, columns);
    }
    for (std::int64_t map = 0; map < layer.maps; ++map) {
      const float bias = slice.parameters[layer.bias + map];
      float* row = layer.values.data() + map * columns;
      for (std::int64_t c = 0; c < columns; ++c) row[c] = std::max(row[c] + bias, 0.0F);
      if (map < layer.first_direct) continue;
      const float output = slice.parameters[layer.output + map - layer.first_direct];
      for (std::int64_t k = 0; k < shape_.dimension; ++k) {
        add_scaled(slice.output, output, row + k * slice.width, slice.width);
      }
    }
  }
}

void CompressedInteraction::backward(const Slice& slice) {
  const std::int64_t columns = shape_.dimension * slice.width;
  for (Layer& layer : layers_) std::fill_n(layer.gradient.begin(), layer.maps * columns, 0.0F);
  for (std::size_t n = layers_.size(); n-- > 0;) {
    Layer& layer = layers_[n];
    for (std::int64_t map = 0; map < layer.maps; ++map) {
      const float* row = layer.values.data() + map * columns;
      float* gradient = layer.gradient.data() + map * columns;
      const bool direct = map >= layer.first_direct;
      const float output = direct ? slice.parameters[layer.output + map - layer.first_direct] : 0.0F;
      Lane output_sum{};
      Lane bias_sum{};
      for (std::int64_t k = 0; k < shape_.dimension; ++k) {
        for (std::int64_t s = 0; s < slice.width; s += kLaneWidth) {
          Lane slope;
          Lane value;
          Lane total;
          load(slope, slice.slopes + s);
          load(value, row + k * slice.width + s);
          load(total, gradient + k * slice.width + s);
          output_sum += slope * value;
          total += output * slope;
          total = select(value > 0.0F, total, Lane{});
          bias_sum += total;
          store(gradient + k * slice.width + s, total);
        }
      }
      slice.gradient[layer.bias + map] = lane_sum(bias_sum);
      if (direct) slice.gradient[layer.output + map - layer.first_direct] = lane_sum(output_sum);
    }
    const float* weight = symmetric(n) ? folded_.data() : slice.parameters + layer.weight;
    float* weight_gradient = symmetric(n) ? folded_gradient_.data() : slice.gradient + layer.weight;
    for (std::int64_t begin = 0; begin < columns; begin += kColumnsAtOnce) {
      const std::int64_t count = std::min(kColumnsAtOnce, columns - begin);
      fill_products(slice, n, begin, count);
      const MatrixView slopes{
          .values = layer.gradient.data() + begin, .rows = layer.maps, .columns = count, .stride = columns};
      multiply(slopes, {.values = products_.data(), .rows = products(n), .columns = count, .transposed = true},
               weight_gradient, begin == 0 ? Store::kReplace : Store::kAdd);
      multiply({.values = weight, .rows = layer.maps, .columns = products(n), .transposed = true}, slopes,
               product_gradient_.data(), Store::kReplace);
      add_product_gradient(slice, n, begin, count);
    }
  }
  const std::int64_t fields = shape_.fields;
  const float* from = folded_gradient_.data();
  for (std::int64_t map = 0; map < layers_.front().maps; ++map) {
    float* to = slice.gradient + layers_.front().weight + map * fields * fields;
    for (std::int64_t i = 0; i < fields; ++i) {
      for (std::int64_t j = i; j < fields; ++j) to[i * fields + j] = to[j * fields + i] = *from++;
    }
  }
}

torch::Tensor CompressedInteraction::plain(const PlainBatch& batch) const {
  const auto first = batch.embeddings;  // [batch, fields, dimension]
  torch::Tensor x = first;
  std::vector<torch::Tensor> direct;
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    const Layer& layer = layers_[n];
    const auto products = (x.unsqueeze(2) * first.unsqueeze(1)).flatten(1, 2);  // [batch, inputs * fields, dimension]
    const auto maps = torch::relu(torch::matmul(batch.parameter(fmt::format("cin.weight.{}", n)), products) +
                                  batch.parameter(fmt::format("cin.bias.{}", n)).unsqueeze(1));
    direct.push_back(maps.slice(1, layer.first_direct));
    if (n + 1 < layers_.size()) x = maps.slice(1, 0, layers_[n + 1].inputs);
  }
  return torch::mv(torch::cat(direct, 1).sum(2), batch.parameter("cin.output"));
}

}  // namespace llama4rec::recommenders
