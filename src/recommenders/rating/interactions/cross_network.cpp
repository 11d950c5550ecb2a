#include "recommenders/rating/interactions/cross_network.h"

#include <algorithm>

#include <fmt/format.h>

#include "recommenders/rating/batch_lanes.h"
#include "recommenders/rating/products.h"

namespace llama4rec::recommenders {

CrossNetwork::CrossNetwork(const ModelShape& shape, CrossForm form, std::int64_t layers, double initial_deviation,
                           ParameterLayout& layout)
    : inputs_(shape.inputs()), form_(form) {
  const auto area = static_cast<std::size_t>(inputs_ * shape.width);
  const auto initial = [&](std::int64_t outputs) {
    return initial_deviation > 0 ? Initial::normal(initial_deviation) : Initial::glorot(inputs_, outputs);
  };
  const bool matrix = form == CrossForm::kMatrix;
  for (std::int64_t n = 0; n < layers; ++n) {
    const std::string weight = fmt::format("cross.weight.{}", n);
    layers_.push_back({.weight = matrix ? layout.add(weight, {inputs_, inputs_}, initial(inputs_))
                                        : layout.add(weight, {inputs_}, initial(1)),
                       .bias = layout.add(fmt::format("cross.bias.{}", n), {inputs_}, Initial::constant(0)),
                       .factors = std::vector<float>(matrix ? area : static_cast<std::size_t>(shape.width)),
                       .values = std::vector<float>(area)});
  }
  output_ = layout.add("cross.output", {inputs_}, initial(1));
  gradient_.resize(area);
  factor_gradient_.resize(area);
}

void CrossNetwork::cross_vector(const Slice& slice, Layer& layer, const float* input) const {
  const std::int64_t width = slice.width;
  std::fill_n(layer.factors.begin(), width, 0.0F);
  for (std::int64_t d = 0; d < inputs_; ++d) {
    add_scaled(layer.factors.data(), slice.parameters[layer.weight + d], input + d * width, width);
  }
  for (std::int64_t d = 0; d < inputs_; ++d) {
    const float bias = slice.parameters[layer.bias + d];
    for (std::int64_t s = 0; s < width; ++s) {
      layer.values[static_cast<std::size_t>(d * width + s)] =
          slice.embeddings[d * width + s] * layer.factors[static_cast<std::size_t>(s)] + bias + input[d * width + s];
    }
  }
}

void CrossNetwork::cross_matrix(const Slice& slice, Layer& layer, const float* input) const {
  const std::int64_t width = slice.width;
  multiply({.values = slice.parameters + layer.weight, .rows = inputs_, .columns = inputs_},
           {.values = input, .rows = inputs_, .columns = width}, layer.factors.data(), Store::kReplace);
  for (std::int64_t d = 0; d < inputs_; ++d) {
    const float bias = slice.parameters[layer.bias + d];
    for (std::int64_t s = d * width; s < (d + 1) * width; ++s) {
      const auto place = static_cast<std::size_t>(s);
      layer.factors[place] += bias;
      layer.values[place] = slice.embeddings[s] * layer.factors[place] + input[s];
    }
  }
}

void CrossNetwork::forward(const Slice& slice) {
  const float* input = slice.embeddings;
  for (Layer& layer : layers_) {
    form_ == CrossForm::kVector ? cross_vector(slice, layer, input) : cross_matrix(slice, layer, input);
    input = layer.values.data();
  }
  for (std::int64_t d = 0; d < inputs_; ++d) {
    add_scaled(slice.output, slice.parameters[output_ + d], input + d * slice.width, slice.width);
  }
}

/// From the gradient with respect to x' to that with respect to x, and the part that x_0 has in it.
void CrossNetwork::vector_gradient(const Slice& slice, const Layer& layer, const float* input) {
  const std::int64_t width = slice.width;
  float* factor_slopes = factor_gradient_.data();  // [width]
  std::fill_n(factor_slopes, width, 0.0F);
  for (std::int64_t d = 0; d < inputs_; ++d) {
    Lane bias{};
    for (std::int64_t s = 0; s < width; s += kLaneWidth) {
      Lane slope;
      Lane value;
      Lane sum;
      Lane factor;
      Lane to;
      load(slope, gradient_.data() + d * width + s);
      load(value, slice.embeddings + d * width + s);
      load(sum, factor_slopes + s);
      load(factor, layer.factors.data() + s);
      load(to, slice.embedding_gradient + d * width + s);
      bias += slope;
      store(factor_slopes + s, sum + slope * value);
      store(slice.embedding_gradient + d * width + s, to + slope * factor);
    }
    slice.gradient[layer.bias + d] = lane_sum(bias);
  }
  for (std::int64_t d = 0; d < inputs_; ++d) {
    const float weight = slice.parameters[layer.weight + d];
    Lane sum{};
    for (std::int64_t s = 0; s < width; s += kLaneWidth) {
      Lane slope;
      Lane value;
      Lane to;
      load(slope, factor_slopes + s);
      load(value, input + d * width + s);
      load(to, gradient_.data() + d * width + s);
      sum += slope * value;
      store(gradient_.data() + d * width + s, to + weight * slope);
    }
    slice.gradient[layer.weight + d] = lane_sum(sum);
  }
}

void CrossNetwork::matrix_gradient(const Slice& slice, const Layer& layer, const float* input) {
  const std::int64_t width = slice.width;
  for (std::int64_t d = 0; d < inputs_; ++d) {
    Lane bias{};
    for (std::int64_t s = d * width; s < (d + 1) * width; s += kLaneWidth) {
      Lane slope;
      Lane value;
      Lane factor;
      Lane to;
      load(slope, gradient_.data() + s);
      load(value, slice.embeddings + s);
      load(factor, layer.factors.data() + s);
      load(to, slice.embedding_gradient + s);
      const Lane factor_slope = slope * value;
      bias += factor_slope;
      store(factor_gradient_.data() + s, factor_slope);
      store(slice.embedding_gradient + s, to + slope * factor);
    }
    slice.gradient[layer.bias + d] = lane_sum(bias);
  }
  const MatrixView slopes{.values = factor_gradient_.data(), .rows = inputs_, .columns = width};
  multiply(slopes, {.values = input, .rows = inputs_, .columns = width, .transposed = true},
           slice.gradient + layer.weight, Store::kReplace);
  multiply({.values = slice.parameters + layer.weight, .rows = inputs_, .columns = inputs_, .transposed = true}, slopes,
           gradient_.data(), Store::kAdd);
}

void CrossNetwork::backward(const Slice& slice) {
  const std::int64_t width = slice.width;
  const float* last = layers_.empty() ? slice.embeddings : layers_.back().values.data();
  for (std::int64_t d = 0; d < inputs_; ++d) {
    const float weight = slice.parameters[output_ + d];
    Lane sum{};
    for (std::int64_t s = 0; s < width; s += kLaneWidth) {
      Lane slope;
      Lane value;
      load(slope, slice.slopes + s);
      load(value, last + d * width + s);
      sum += slope * value;
      store(gradient_.data() + d * width + s, weight * slope);
    }
    slice.gradient[output_ + d] = lane_sum(sum);
  }
  for (std::size_t n = layers_.size(); n-- > 0;) {
    const float* input = n == 0 ? slice.embeddings : layers_[n - 1].values.data();
    form_ == CrossForm::kVector ? vector_gradient(slice, layers_[n], input) : matrix_gradient(slice, layers_[n], input);
  }
  add_scaled(slice.embedding_gradient, 1, gradient_.data(), inputs_ * width);
}

torch::Tensor CrossNetwork::plain(const PlainBatch& batch) const {
  const auto first = batch.embeddings.flatten(1);
  torch::Tensor x = first;
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    const auto weight = batch.parameter(fmt::format("cross.weight.{}", n));
    const auto bias = batch.parameter(fmt::format("cross.bias.{}", n));
    if (form_ == CrossForm::kVector) {
      x = first * torch::mv(x, weight).unsqueeze(1) + bias + x;
    } else {
      x = first * (torch::mm(x, weight.t()) + bias) + x;
    }
  }
  return torch::mv(x, batch.parameter("cross.output"));
}

}  // namespace llama4rec::recommenders
