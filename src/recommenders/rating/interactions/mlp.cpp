#include "recommenders/rating/interactions/mlp.h"

#include <algorithm>

#include <fmt/format.h>

#include "recommenders/rating/batch_lanes.h"
#include "recommenders/rating/interactions/pairwise.h"
#include "recommenders/rating/products.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::uint64_t kPoolingLayer = 1000;  // numbers its dropout masks

std::size_t area(std::int64_t rows, std::int64_t columns) { return static_cast<std::size_t>(rows * columns); }

}  // namespace

Mlp::Mlp(const std::string& name, std::int64_t inputs, std::int64_t width, const MlpOptions& options,
         ParameterLayout& layout, std::uint64_t first_layer)
    : name_(name), options_(options), first_layer_(first_layer) {
  std::int64_t before = inputs;
  std::int64_t most = 1;
  const auto initial = [&](std::int64_t in, std::int64_t out) {
    return options.initial_deviation > 0 ? Initial::normal(options.initial_deviation) : Initial::glorot(in, out);
  };
  for (std::size_t n = 0; n < options.hidden.size(); ++n) {
    const std::int64_t units = options.hidden[n];
    layers_.push_back(
        {.inputs = before,
         .outputs = units,
         .weight = layout.add(fmt::format("{}.weight.{}", name, n), {units, before}, initial(before, units)),
         .bias = layout.add(fmt::format("{}.bias.{}", name, n), {units}, Initial::constant(0)),
         .values = std::vector<float>(area(units, width)),
         .factors = std::vector<float>(options.dropout > 0 ? area(units, width) : 0)});
    most = std::max(most, units);
    before = units;
  }
  last_ = before;
  output_ = layout.add(name + ".output", {before}, initial(before, 1));
  gradient_.resize(area(std::max(most, before), width));
  next_gradient_.resize(gradient_.size());
}

void Mlp::forward(const Slice& slice, const float* input) {
  const std::int64_t width = slice.width;
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    Layer& layer = layers_[n];
    multiply({.values = slice.parameters + layer.weight, .rows = layer.outputs, .columns = layer.inputs},
             {.values = input, .rows = layer.inputs, .columns = width}, layer.values.data(), Store::kReplace);
    const float* bias = slice.parameters + layer.bias;
    for (std::int64_t unit = 0; unit < layer.outputs; ++unit) {
      float* row = layer.values.data() + unit * width;
      for (std::int64_t s = 0; s < width; ++s) row[s] = std::max(row[s] + bias[unit], 0.0F);
    }
    if (drops(slice.dropout)) {
      const DropoutMask mask(*slice.dropout, first_layer_ + n, options_.dropout);
      for (std::int64_t unit = 0; unit < layer.outputs; ++unit) {
        float* factors = layer.factors.data() + unit * width;
        float* row = layer.values.data() + unit * width;
        mask.row(unit, slice.first, width, factors);
        for (std::int64_t s = 0; s < width; ++s) row[s] *= factors[s];
      }
    }
    input = layer.values.data();
  }
  for (std::int64_t unit = 0; unit < last_; ++unit) {
    add_scaled(slice.output, slice.parameters[output_ + unit], input + unit * width, width);
  }
}

void Mlp::backward(const Slice& slice, const float* input, float* input_gradient, bool add) {
  const std::int64_t width = slice.width;
  const float* last = layers_.empty() ? input : layers_.back().values.data();
  for (std::int64_t unit = 0; unit < last_; ++unit) {
    const float weight = slice.parameters[output_ + unit];
    float* row = gradient_.data() + unit * width;
    Lane sum{};
    for (std::int64_t s = 0; s < width; s += kLaneWidth) {
      Lane slope;
      Lane value;
      load(slope, slice.slopes + s);
      load(value, last + unit * width + s);
      sum += slope * value;
      store(row + s, weight * slope);
    }
    slice.gradient[output_ + unit] = lane_sum(sum);
  }
  for (std::size_t n = layers_.size(); n-- > 0;) {
    const Layer& layer = layers_[n];
    const bool dropped = drops(slice.dropout);
    for (std::int64_t unit = 0; unit < layer.outputs; ++unit) {
      float* row = gradient_.data() + unit * width;
      const float* values = layer.values.data() + unit * width;
      if (dropped) {
        const float* factors = layer.factors.data() + unit * width;
        for (std::int64_t s = 0; s < width; ++s) row[s] *= factors[s];
      }
      Lane sum{};
      for (std::int64_t s = 0; s < width; s += kLaneWidth) {
        Lane slope;
        Lane value;
        load(slope, row + s);
        load(value, values + s);
        slope = select(value > 0.0F, slope, Lane{});
        sum += slope;
        store(row + s, slope);
      }
      slice.gradient[layer.bias + unit] = lane_sum(sum);
    }
    const float* below = n == 0 ? input : layers_[n - 1].values.data();
    const MatrixView slopes{.values = gradient_.data(), .rows = layer.outputs, .columns = width};
    multiply(slopes, {.values = below, .rows = layer.inputs, .columns = width, .transposed = true},
             slice.gradient + layer.weight, Store::kReplace);
    multiply(
        {.values = slice.parameters + layer.weight, .rows = layer.outputs, .columns = layer.inputs, .transposed = true},
        slopes, n == 0 ? input_gradient : next_gradient_.data(), n == 0 && add ? Store::kAdd : Store::kReplace);
    std::swap(gradient_, next_gradient_);
  }
  if (!layers_.empty()) return;
  if (!add) std::fill_n(input_gradient, last_ * width, 0.0F);
  add_scaled(input_gradient, 1, gradient_.data(), last_ * width);
}

torch::Tensor Mlp::plain(const PlainBatch& batch, torch::Tensor input) const {
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    input = torch::relu(torch::addmm(batch.parameter(fmt::format("{}.bias.{}", name_, n)), input,
                                     batch.parameter(fmt::format("{}.weight.{}", name_, n)).t()));
    if (drops(batch.dropout)) {
      const DropoutMask mask(*batch.dropout, first_layer_ + n, options_.dropout);
      input = input * mask.tensor(input.size(0), input.size(1)).to(input.device());
    }
  }
  return torch::mv(input, batch.parameter(name_ + ".output"));
}

NeuralFactorizationMachine::NeuralFactorizationMachine(const ModelShape& shape, const MlpOptions& options,
                                                       double pooling_dropout, ParameterLayout& layout)
    : shape_(shape),
      pooling_dropout_(pooling_dropout),
      mlp_("deep", shape.dimension, shape.width, options, layout),
      sums_(area(shape.dimension, shape.width)),
      pooled_(sums_.size()),
      gradient_(sums_.size()) {}

void NeuralFactorizationMachine::drop(const Slice& slice, std::vector<float>& values) const {
  if (slice.dropout == nullptr || pooling_dropout_ == 0) return;
  const DropoutMask mask(*slice.dropout, kPoolingLayer, pooling_dropout_);
  std::vector<float> factors(static_cast<std::size_t>(slice.width));
  for (std::int64_t k = 0; k < shape_.dimension; ++k) {
    mask.row(k, slice.first, slice.width, factors.data());
    float* row = values.data() + k * slice.width;
    for (std::int64_t s = 0; s < slice.width; ++s) row[s] *= factors[static_cast<std::size_t>(s)];
  }
}

void NeuralFactorizationMachine::forward(const Slice& slice) {
  pool_pairs(shape_, slice, sums_.data(), pooled_.data());
  drop(slice, pooled_);
  mlp_.forward(slice, pooled_.data());
}

void NeuralFactorizationMachine::backward(const Slice& slice) {
  mlp_.backward(slice, pooled_.data(), gradient_.data(), false);
  drop(slice, gradient_);
  add_pool_gradient(shape_, slice, sums_.data(), gradient_.data());
}

torch::Tensor NeuralFactorizationMachine::plain(const PlainBatch& batch) const {
  auto pooled = plain_pool_pairs(batch.embeddings);
  if (batch.dropout != nullptr && pooling_dropout_ > 0) {
    const DropoutMask mask(*batch.dropout, kPoolingLayer, pooling_dropout_);
    pooled = pooled * mask.tensor(pooled.size(0), pooled.size(1)).to(pooled.device());
  }
  return mlp_.plain(batch, pooled);
}

}  // namespace llama4rec::recommenders
