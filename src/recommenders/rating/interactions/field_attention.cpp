#include "recommenders/rating/interactions/field_attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace llama4rec::recommenders {
namespace {

constexpr std::array<const char*, 4> kRoleNames = {"query", "key", "value", "residual"};

}  // namespace

FieldAttention::FieldAttention(const ModelShape& shape, const FieldAttentionOptions& options, ParameterLayout& layout)
    : fields_(static_cast<std::size_t>(shape.fields)),
      dimension_(static_cast<std::size_t>(shape.dimension)),
      heads_(static_cast<std::size_t>(options.heads)),
      head_dimension_(static_cast<std::size_t>(options.head_dimension)),
      outputs_(heads_ * head_dimension_),
      scale_(options.scaled ? static_cast<float>(1 / std::sqrt(static_cast<double>(options.head_dimension))) : 1.0F) {
  const auto outputs = static_cast<std::int64_t>(outputs_);
  const auto blocks = static_cast<std::size_t>(shape.width / kLaneWidth);
  const auto initial = [&](std::int64_t in, std::int64_t out) {
    return options.initial_deviation > 0 ? Initial::normal(options.initial_deviation) : Initial::glorot(in, out);
  };
  std::int64_t inputs = shape.dimension;
  for (std::int64_t n = 0; n < options.layers; ++n) {
    Layer layer{.inputs = inputs};
    for (std::size_t role = 0; role < kRoles; ++role) {
      layer.weights[role] =
          layout.add(fmt::format("attention.{}.{}", kRoleNames[role], n), {outputs, inputs}, initial(inputs, outputs));
    }
    layer.projected.resize(blocks * projected_size());
    layer.attention.resize(blocks * attention_size());
    layers_.push_back(std::move(layer));
    weight_sums_.emplace_back(kRoles * outputs_ * static_cast<std::size_t>(inputs));
    inputs = outputs;
  }
  output_ = layout.add("attention.output", {shape.fields * inputs}, initial(shape.fields * inputs, 1));
  block_.resize(fields_ * dimension_);
  projected_gradient_.resize(projected_size());
  for (auto& gradient : gradients_) gradient.resize(fields_ * std::max(outputs_, dimension_));
  scores_.resize(fields_);
  output_sums_.resize(fields_ * static_cast<std::size_t>(inputs));
}

void FieldAttention::project(const Slice& slice, const Layer& layer, const Lane* input, Lane* projected) const {
  const auto inputs = static_cast<std::size_t>(layer.inputs);
  for (std::size_t role = 0; role < kRoles; ++role) {
    const float* weight = slice.parameters + layer.weights[role];
    for (std::size_t field = 0; field < fields_; ++field) {
      for (std::size_t o = 0; o < outputs_; ++o) {
        Lane sum{};
        for (std::size_t d = 0; d < inputs; ++d) sum += weight[o * inputs + d] * input[field * inputs + d];
        *projected++ = sum;
      }
    }
  }
}

/// From the four projections to y, in the residual's place.
void FieldAttention::attend(Lane* projected, Lane* attention) const {
  const std::size_t side = fields_ * outputs_;
  const Lane* query = projected;
  const Lane* key = projected + side;
  const Lane* value = projected + 2 * side;
  Lane* result = projected + 3 * side;
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t first = head * head_dimension_;
    for (std::size_t i = 0; i < fields_; ++i, attention += fields_) {
      Lane most = Lane{} - std::numeric_limits<float>::max();
      for (std::size_t j = 0; j < fields_; ++j) {
        Lane score{};
        for (std::size_t d = first; d < first + head_dimension_; ++d) {
          score += query[i * outputs_ + d] * key[j * outputs_ + d];
        }
        attention[j] = score * scale_;
        most = lane_maximum(most, attention[j]);
      }
      Lane sum{};
      for (std::size_t j = 0; j < fields_; ++j) {
        attention[j] = lane_exp(attention[j] - most);
        sum += attention[j];
      }
      const Lane inverse = 1.0F / sum;
      for (std::size_t j = 0; j < fields_; ++j) attention[j] *= inverse;
      for (std::size_t d = first; d < first + head_dimension_; ++d) {
        Lane total = result[i * outputs_ + d];
        for (std::size_t j = 0; j < fields_; ++j) total += attention[j] * value[j * outputs_ + d];
        result[i * outputs_ + d] = lane_maximum(total, Lane{});
      }
    }
  }
}

void FieldAttention::forward(const Slice& slice) {
  const auto stride = static_cast<std::size_t>(slice.width);
  for (std::size_t begin = 0, b = 0; begin < stride; begin += kLaneWidth, ++b) {
    for (std::size_t row = 0; row < block_.size(); ++row) load(block_[row], slice.embeddings + row * stride + begin);
    const Lane* input = block_.data();
    for (Layer& layer : layers_) {
      Lane* projected = layer.projected.data() + b * projected_size();
      project(slice, layer, input, projected);
      attend(projected, layer.attention.data() + b * attention_size());
      input = projected + kResidual * fields_ * outputs_;
    }
    Lane output;
    load(output, slice.output + begin);
    for (std::size_t n = 0; n < output_sums_.size(); ++n) {
      output += slice.parameters[output_ + static_cast<std::int64_t>(n)] * input[n];
    }
    store(slice.output + begin, output);
  }
}

/// From the gradient with respect to y to that with respect to the four projections.
void FieldAttention::attend_gradient(const Lane* projected, const Lane* attention, const Lane* output_gradient) {
  const std::size_t side = fields_ * outputs_;
  const Lane* query = projected;
  const Lane* key = projected + side;
  const Lane* value = projected + 2 * side;
  const Lane* result = projected + 3 * side;
  std::fill(projected_gradient_.begin(), projected_gradient_.end(), Lane{});
  Lane* query_gradient = projected_gradient_.data();
  Lane* key_gradient = query_gradient + side;
  Lane* value_gradient = query_gradient + 2 * side;
  Lane* residual_gradient = query_gradient + 3 * side;
  for (std::size_t n = 0; n < side; ++n) residual_gradient[n] = select(result[n] > 0.0F, output_gradient[n], Lane{});
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t first = head * head_dimension_;
    for (std::size_t i = 0; i < fields_; ++i, attention += fields_) {
      Lane mean{};
      for (std::size_t j = 0; j < fields_; ++j) {
        Lane slope{};
        for (std::size_t d = first; d < first + head_dimension_; ++d) {
          const Lane from = residual_gradient[i * outputs_ + d];
          slope += from * value[j * outputs_ + d];
          value_gradient[j * outputs_ + d] += attention[j] * from;
        }
        scores_[j] = slope;
        mean += attention[j] * slope;
      }
      for (std::size_t j = 0; j < fields_; ++j) {
        const Lane slope = attention[j] * (scores_[j] - mean) * scale_;
        for (std::size_t d = first; d < first + head_dimension_; ++d) {
          query_gradient[i * outputs_ + d] += slope * key[j * outputs_ + d];
          key_gradient[j * outputs_ + d] += slope * query[i * outputs_ + d];
        }
      }
    }
  }
}

/// From the gradient with respect to the projections to that with respect to their input and weights.
void FieldAttention::project_gradient(const Slice& slice, const Layer& layer, std::size_t number, const Lane* input,
                                      Lane* input_gradient) {
  const auto inputs = static_cast<std::size_t>(layer.inputs);
  std::fill_n(input_gradient, fields_ * inputs, Lane{});
  for (std::size_t role = 0; role < kRoles; ++role) {
    const float* weight = slice.parameters + layer.weights[role];
    Lane* sums = weight_sums_[number].data() + role * outputs_ * inputs;
    const Lane* from = projected_gradient_.data() + role * fields_ * outputs_;
    for (std::size_t field = 0; field < fields_; ++field) {
      for (std::size_t o = 0; o < outputs_; ++o) {
        const Lane slope = from[field * outputs_ + o];
        for (std::size_t d = 0; d < inputs; ++d) {
          sums[o * inputs + d] += slope * input[field * inputs + d];
          input_gradient[field * inputs + d] += weight[o * inputs + d] * slope;
        }
      }
    }
  }
}

void FieldAttention::backward(const Slice& slice) {
  const auto stride = static_cast<std::size_t>(slice.width);
  for (auto& sums : weight_sums_) std::fill(sums.begin(), sums.end(), Lane{});
  std::fill(output_sums_.begin(), output_sums_.end(), Lane{});
  const auto output_of = [&](std::size_t layer, std::size_t block) -> const Lane* {
    return layers_[layer].projected.data() + block * projected_size() + kResidual * fields_ * outputs_;
  };
  for (std::size_t begin = 0, b = 0; begin < stride; begin += kLaneWidth, ++b) {
    for (std::size_t row = 0; row < block_.size(); ++row) load(block_[row], slice.embeddings + row * stride + begin);
    Lane slope;
    load(slope, slice.slopes + begin);
    const Lane* last = layers_.empty() ? block_.data() : output_of(layers_.size() - 1, b);
    for (std::size_t n = 0; n < output_sums_.size(); ++n) {
      output_sums_[n] += slope * last[n];
      gradients_[0][n] = slice.parameters[output_ + static_cast<std::int64_t>(n)] * slope;
    }
    for (std::size_t n = layers_.size(); n-- > 0;) {
      const Layer& layer = layers_[n];
      attend_gradient(layer.projected.data() + b * projected_size(), layer.attention.data() + b * attention_size(),
                      gradients_[0].data());
      project_gradient(slice, layer, n, n == 0 ? block_.data() : output_of(n - 1, b), gradients_[1].data());
      std::swap(gradients_[0], gradients_[1]);
    }
    for (std::size_t row = 0; row < block_.size(); ++row) {
      float* to = slice.embedding_gradient + row * stride + begin;
      Lane lane;
      load(lane, to);
      store(to, lane + gradients_[0][row]);
    }
  }
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    const std::size_t count = outputs_ * static_cast<std::size_t>(layers_[n].inputs);
    for (std::size_t role = 0; role < kRoles; ++role) {
      float* to = slice.gradient + layers_[n].weights[role];
      for (std::size_t w = 0; w < count; ++w) to[w] = lane_sum(weight_sums_[n][role * count + w]);
    }
  }
  for (std::size_t n = 0; n < output_sums_.size(); ++n) {
    slice.gradient[output_ + static_cast<std::int64_t>(n)] = lane_sum(output_sums_[n]);
  }
}

torch::Tensor FieldAttention::plain(const PlainBatch& batch) const {
  torch::Tensor x = batch.embeddings;  // [batch, fields, inputs]
  const auto heads = static_cast<std::int64_t>(heads_);
  const auto head_dimension = static_cast<std::int64_t>(head_dimension_);
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    const auto projected = [&](std::size_t role) {
      return torch::matmul(x, batch.parameter(fmt::format("attention.{}.{}", kRoleNames[role], n)).t());
    };
    const auto by_head = [&](std::size_t role) {  // [batch, heads, fields, head_dimension]
      return projected(role).unflatten(2, {heads, head_dimension}).transpose(1, 2);
    };
    const auto scores = torch::matmul(by_head(kQuery), by_head(kKey).transpose(2, 3)) * static_cast<double>(scale_);
    const auto sums = torch::matmul(torch::softmax(scores, 3), by_head(kValue));
    x = torch::relu(sums.transpose(1, 2).flatten(2) + projected(kResidual));
  }
  return torch::mv(x.flatten(1), batch.parameter("attention.output"));
}

}  // namespace llama4rec::recommenders
