#include "recommenders/sequential/fast_encoder.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "recommenders/sequential/sized_buffer.h"

namespace llama4rec::recommenders {
namespace {

/// values *= factors of dropout, row by row; `token_of(row)` tells which token stands there.
template <typename TokenOf>
void drop(const tensor::Dropout* dropout, const SequencePack& pack, std::int64_t rows, std::int64_t d,
          std::vector<float>& factors, float* values, TokenOf token_of) {
  if (dropout == nullptr) return;
  float* const factor = sized(factors, d);
  for (std::int64_t row = 0; row < rows; ++row, values += d) {
    const auto token = static_cast<std::size_t>(token_of(row));
    const std::int64_t place = pack.rows[token] * pack.width + pack.columns[token];
    dropout->factors(factor, static_cast<std::uint32_t>(place * d), static_cast<std::uint32_t>(d));
#pragma omp simd
    for (std::int64_t n = 0; n < d; ++n) values[n] *= factor[n];
  }
}

const tensor::Dropout* dropout_at(const std::vector<tensor::Dropout>* dropouts, std::size_t place) {
  return dropouts == nullptr ? nullptr : &(*dropouts)[place];
}

void linear_forward(const FastEncoderWeights& weights, const LinearPlace& place, const Panels& forward,
                    const float* input, std::int64_t rows, float* to) {
  fill_rows(to, rows, place.outputs, weights.at(place.bias));
  panel_product({.values = input, .rows = rows, .row_stride = place.inputs}, forward, to, place.outputs,
                Accumulate::kYes);
}

void pack(FastEncoderWeights::Linear& linear, const LinearPlace& place, const float* values) {
  linear.forward.pack(values + place.weight, place.inputs, place.outputs, 1, place.inputs);
  linear.backward.pack(values + place.weight, place.outputs, place.inputs, place.inputs);
}

}  // namespace

FastEncoderWeights::FastEncoderWeights(const EncoderShape& shape) : shape_(shape) {
  const auto parts = encoder_parts(shape);
  const auto place = [&](const std::string& name) {
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const EncoderPart& p) { return p.name == name; });
    if (found == parts.end()) throw InternalError(fmt::format("fast encoder: there is no part {}", name));
    return found->offset;
  };
  positions_ = place("positions");
  norm_ = place("norm");
  norm_bias_ = place("norm_bias");
  const auto d = shape.dimension;
  for (std::int64_t number = 0; number < shape.layers; ++number) {
    const auto of = [&](const char* name) { return place(fmt::format("{}.{}", number, name)); };
    const auto linear = [&](const char* name, std::int64_t inputs, std::int64_t outputs) {
      return LinearPlace{.weight = of(name),
                         .bias = place(fmt::format("{}.{}_bias", number, name)),
                         .inputs = inputs,
                         .outputs = outputs};
    };
    Layer layer;
    layer.places = {.attention_norm = of("attention_norm"),
                    .attention_norm_bias = of("attention_norm_bias"),
                    .inner_norm = of("inner_norm"),
                    .inner_norm_bias = of("inner_norm_bias"),
                    .joint = linear("query_key_value", d, 3 * d),
                    .output = linear("output", d, d),
                    .inner = linear("inner", d, shape.inner()),
                    .outer = linear("outer", shape.inner(), d)};
    layers_.push_back(std::move(layer));
  }
}

void FastEncoderWeights::prepare(const float* values) {
  values_ = values;
  for (auto& layer : layers_) {
    pack(layer.joint, layer.places.joint, values);
    pack(layer.output, layer.places.output, values);
    pack(layer.inner, layer.places.inner, values);
    pack(layer.outer, layer.places.outer, values);
  }
}

std::vector<tensor::Dropout> encoder_dropouts(const EncoderShape& shape, std::uint64_t seed) {
  std::vector<tensor::Dropout> dropouts;
  for (std::uint64_t place = 0; place < static_cast<std::uint64_t>(4 * shape.layers); ++place) {
    dropouts.emplace_back(shape.dropout, derived_seed(seed, "dropout", {place}));
  }
  return dropouts;
}

AttentionQueries FastEncoderPass::queries(const FastEncoderWeights& weights, std::size_t layer,
                                          const SequencePack& pack) const {
  if (layer + 1 == weights.layers().size()) return {.tokens = pack.asked, .all = false};
  return {.tokens = std::span(every_).first(static_cast<std::size_t>(pack.tokens())), .all = true};
}

void FastEncoderPass::embed(const FastEncoderWeights& weights, const SequencePack& pack, const tensor::Dropout* dropout,
                            float* to) {
  const auto d = weights.shape().dimension;
  const float* items = weights.at(0);
  const float* positions = weights.at(weights.positions()) + (weights.shape().length - pack.width) * d;
  for (std::int64_t token = 0; token < pack.tokens(); ++token) {
    const float* item = items + pack.items[static_cast<std::size_t>(token)] * d;
    const float* position = positions + pack.columns[static_cast<std::size_t>(token)] * d;
    for (std::int64_t n = 0; n < d; ++n) to[token * d + n] = item[n] + position[n];
  }
  drop(dropout, pack, pack.tokens(), d, factors_, to, [](std::int64_t row) { return row; });
}

const float* FastEncoderPass::forward(const FastEncoderWeights& weights, const SequencePack& pack,
                                      const std::vector<tensor::Dropout>* dropouts) {
  const auto d = weights.shape().dimension;
  const auto layers = weights.layers().size();
  kept_.resize(layers);
  if (static_cast<std::int64_t>(every_.size()) < pack.tokens()) {
    every_.resize(static_cast<std::size_t>(pack.tokens()));
    std::iota(every_.begin(), every_.end(), 0);
  }
  embed(weights, pack, dropout_at(dropouts, 0), sized(kept_[0].input, pack.tokens() * d));
  for (std::size_t number = 0; number < layers; ++number) {
    forward_layer(weights, number, pack, dropouts, number + 1 < layers ? kept_[number + 1].input : last_);
  }
  float* const states = sized(states_, pack.states() * d);
  layer_norm(last_.data(), pack.states(), d, weights.at(weights.norm()), weights.at(weights.norm_bias()), states,
             sized(last_moments_, pack.states()));
  return states;
}

void FastEncoderPass::forward_layer(const FastEncoderWeights& weights, std::size_t number, const SequencePack& pack,
                                    const std::vector<tensor::Dropout>* dropouts, std::vector<float>& to) {
  const auto& layer = weights.layers()[number];
  const auto& places = layer.places;
  auto& kept = kept_[number];
  const auto d = weights.shape().dimension;
  const auto inner = weights.shape().inner();
  const auto tokens = pack.tokens();
  const auto asking = queries(weights, number, pack);
  const auto rows = static_cast<std::int64_t>(asking.tokens.size());
  const auto token_of = [&](std::int64_t row) { return asking.tokens[static_cast<std::size_t>(row)]; };

  layer_norm(kept.input.data(), tokens, d, weights.at(places.attention_norm), weights.at(places.attention_norm_bias),
             sized(kept.normal, tokens * d), sized(kept.input_moments, tokens));
  linear_forward(weights, places.joint, layer.joint.forward, kept.normal.data(), tokens,
                 sized(kept.joint, tokens * 3 * d));
  attention_.forward({.pack = pack,
                      .queries = asking,
                      .dimension = d,
                      .heads = weights.shape().heads,
                      .joint = kept.joint.data(),
                      .dropout = dropout_at(dropouts, 4 * number + 1)},
                     kept.shares, sized(kept.attended, rows * d));
  float* const middle = sized(kept.middle, rows * d);
  linear_forward(weights, places.output, layer.output.forward, kept.attended.data(), rows, middle);
  drop(dropout_at(dropouts, 4 * number + 2), pack, rows, d, factors_, middle, token_of);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* input = kept.input.data() + token_of(row) * d;
    for (std::int64_t n = 0; n < d; ++n) middle[row * d + n] += input[n];
  }
  layer_norm(middle, rows, d, weights.at(places.inner_norm), weights.at(places.inner_norm_bias),
             sized(kept.inner_normal, rows * d), sized(kept.middle_moments, rows));
  linear_forward(weights, places.inner, layer.inner.forward, kept.inner_normal.data(), rows,
                 sized(kept.inner, rows * inner));
  gelu(kept.inner.data(), rows * inner, sized(kept.active, rows * inner));
  float* const out = sized(to, rows * d);
  linear_forward(weights, places.outer, layer.outer.forward, kept.active.data(), rows, out);
  drop(dropout_at(dropouts, 4 * number + 3), pack, rows, d, factors_, out, token_of);
  for (std::int64_t n = 0; n < rows * d; ++n) out[n] += middle[n];
}

void FastEncoderPass::linear_backward(const LinearPlace& place, const Panels& backward, const float* input,
                                      const float* slopes, std::int64_t rows, float* to, float* gradient) {
  panels_.pack(input, rows, place.inputs, place.inputs);
  panel_product({.values = slopes, .rows = place.outputs, .row_stride = 1, .column_stride = place.outputs}, panels_,
                gradient + place.weight, place.inputs, Accumulate::kYes);
  add_column_sums(slopes, rows, place.outputs, gradient + place.bias);
  panel_product({.values = slopes, .rows = rows, .row_stride = place.outputs}, backward, to, place.inputs,
                Accumulate::kNo);
}

void FastEncoderPass::backward_layer(const FastEncoderWeights& weights, std::size_t number, const SequencePack& pack,
                                     const std::vector<tensor::Dropout>* dropouts, float* gradient) {
  const auto& layer = weights.layers()[number];
  const auto& places = layer.places;
  auto& kept = kept_[number];
  const auto d = weights.shape().dimension;
  const auto inner = weights.shape().inner();
  const auto tokens = pack.tokens();
  const auto asking = queries(weights, number, pack);
  const auto rows = static_cast<std::int64_t>(asking.tokens.size());
  const auto token_of = [&](std::int64_t row) { return asking.tokens[static_cast<std::size_t>(row)]; };

  // slopes_: of the layer's output, soon of `middle`.
  float* const middle = slopes_.data();
  float* const narrow = sized(narrow_, rows * d);
  float* const wide = sized(wide_, rows * std::max(inner, d));
  std::copy_n(middle, rows * d, narrow);
  drop(dropout_at(dropouts, 4 * number + 3), pack, rows, d, factors_, narrow, token_of);
  linear_backward(places.outer, layer.outer.backward, kept.active.data(), narrow, rows, wide, gradient);
  gelu_backward(kept.inner.data(), rows * inner, wide);
  linear_backward(places.inner, layer.inner.backward, kept.inner_normal.data(), wide, rows, narrow, gradient);
  layer_norm_backward(kept.middle.data(), kept.middle_moments.data(), narrow, rows, d, weights.at(places.inner_norm),
                      middle, gradient + places.inner_norm, gradient + places.inner_norm_bias);

  std::copy_n(middle, rows * d, narrow);
  drop(dropout_at(dropouts, 4 * number + 2), pack, rows, d, factors_, narrow, token_of);
  linear_backward(places.output, layer.output.backward, kept.attended.data(), narrow, rows, wide, gradient);
  float* const joint = sized(joint_, tokens * 3 * d);
  attention_.backward({.pack = pack,
                       .queries = asking,
                       .dimension = d,
                       .heads = weights.shape().heads,
                       .joint = kept.joint.data(),
                       .dropout = dropout_at(dropouts, 4 * number + 1)},
                      kept.shares, wide, joint);
  float* const normal = sized(narrow_, tokens * d);
  linear_backward(places.joint, layer.joint.backward, kept.normal.data(), joint, tokens, normal, gradient);
  float* const input = sized(other_, tokens * d);
  std::fill_n(input, tokens * d, 0.0F);
  for (std::int64_t row = 0; row < rows; ++row) std::copy_n(middle + row * d, d, input + token_of(row) * d);
  layer_norm_backward(kept.input.data(), kept.input_moments.data(), normal, tokens, d,
                      weights.at(places.attention_norm), input, gradient + places.attention_norm,
                      gradient + places.attention_norm_bias);
  slopes_.swap(other_);
}

void FastEncoderPass::backward(const FastEncoderWeights& weights, const SequencePack& pack,
                               const std::vector<tensor::Dropout>* dropouts, const float* slopes, float* gradient) {
  const auto d = weights.shape().dimension;
  float* const last = sized(slopes_, pack.states() * d);
  std::fill_n(last, pack.states() * d, 0.0F);
  layer_norm_backward(last_.data(), last_moments_.data(), slopes, pack.states(), d, weights.at(weights.norm()), last,
                      gradient + weights.norm(), gradient + weights.norm_bias());
  for (std::size_t number = weights.layers().size(); number-- > 0;) {
    backward_layer(weights, number, pack, dropouts, gradient);
  }
  drop(dropout_at(dropouts, 0), pack, pack.tokens(), d, factors_, slopes_.data(), [](std::int64_t row) { return row; });
  float* const positions = gradient + weights.positions() + (weights.shape().length - pack.width) * d;
  for (std::int64_t token = 0; token < pack.tokens(); ++token) {
    const float* from = slopes_.data() + token * d;
    float* item = gradient + pack.items[static_cast<std::size_t>(token)] * d;
    float* position = positions + pack.columns[static_cast<std::size_t>(token)] * d;
    for (std::int64_t n = 0; n < d; ++n) {
      item[n] += from[n];
      position[n] += from[n];
    }
  }
}

}  // namespace llama4rec::recommenders
