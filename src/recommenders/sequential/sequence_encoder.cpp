#include "recommenders/sequential/sequence_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "tensor/dropout.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

constexpr double kDeviation = 0.02;

}  // namespace

SequenceEncoder::SequenceEncoder(const EncoderShape& shape, std::uint64_t seed, torch::Device device) : shape_(shape) {
  if (shape.dimension % shape.heads != 0) {
    throw UsageError(
        fmt::format("sequence.heads: {} does not divide train.embedding {}", shape.heads, shape.dimension));
  }
  const auto parts = encoder_parts(shape);
  auto values = torch::zeros({weight_count(shape)}, torch::kFloat32);
  RandomStream random(seed, "recommenders.sequence_encoder");
  float* to = values.data_ptr<float>();
  for (const auto& one : parts) {
    for (std::int64_t i = 0; i < one.elements(); ++i, ++to) {
      if (one.start == EncoderPart::Start::kOne) *to = 1;
      if (one.start == EncoderPart::Start::kNormal) *to = static_cast<float>(kDeviation * random.normal());
    }
  }
  weights_ = values.to(device);
  gradient_ = torch::zeros_like(weights_);
  for (const auto& one : parts) {
    auto leaf = weights_.narrow(0, one.offset, one.elements()).view(one.shape).detach().requires_grad_();
    leaf.mutable_grad() = gradient_.narrow(0, one.offset, one.elements()).view(one.shape);
    parts_.emplace_back(one.name, leaf);
  }
}

const Tensor& SequenceEncoder::part(const std::string& name) const {
  const auto found = std::find_if(parts_.begin(), parts_.end(), [&](const auto& p) { return p.first == name; });
  if (found == parts_.end()) throw InternalError(fmt::format("sequence encoder: there is no part {}", name));
  return found->second;
}

Tensor SequenceEncoder::dropped(const Tensor& x, const Masks& masks, std::uint64_t place) const {
  if (!masks.seed || shape_.dropout <= 0) return x;
  auto factors = torch::empty(x.sizes(), torch::kFloat32);
  const auto first = masks.first_row * (x.numel() / x.size(0));
  tensor::Dropout(shape_.dropout, derived_seed(*masks.seed, "dropout", {place}))
      .factors(factors.data_ptr<float>(), static_cast<std::uint32_t>(first),
               static_cast<std::uint32_t>(factors.numel()));
  return x * factors.to(x.device());
}

Tensor SequenceEncoder::layer(const Tensor& x, std::int64_t number, const Tensor& hidden, const Masks& masks) const {
  const auto of = [&](const char* name) -> const Tensor& { return part(fmt::format("{}.{}", number, name)); };
  const auto batch = x.size(0);
  const auto length = x.size(1);
  const auto d = shape_.dimension;
  const auto place = 4 * static_cast<std::uint64_t>(number);
  const auto normal = torch::layer_norm(x, {d}, of("attention_norm"), of("attention_norm_bias"), kEncoderNormEpsilon);
  const auto joint = torch::linear(normal, of("query_key_value"), of("query_key_value_bias"))
                         .view({batch, length, 3, shape_.heads, d / shape_.heads})
                         .permute({2, 0, 3, 1, 4});
  const auto scores =
      torch::matmul(joint[0], joint[1].transpose(2, 3)) / std::sqrt(static_cast<double>(d / shape_.heads));
  const auto shares = dropped(torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1),
                              masks, place + 1);
  const auto attended = torch::matmul(shares, joint[2]).transpose(1, 2).reshape({batch, length, d});
  const auto middle = x + dropped(torch::linear(attended, of("output"), of("output_bias")), masks, place + 2);
  const auto inner = torch::gelu(
      torch::linear(torch::layer_norm(middle, {d}, of("inner_norm"), of("inner_norm_bias"), kEncoderNormEpsilon),
                    of("inner"), of("inner_bias")),
      "tanh");
  return middle + dropped(torch::linear(inner, of("outer"), of("outer_bias")), masks, place + 3);
}

Tensor SequenceEncoder::states(const SequenceBatch& batch, Sight sight, std::optional<std::uint64_t> dropout_seed,
                               std::int64_t first_row) const {
  const Masks masks{.seed = dropout_seed, .first_row = first_row};
  const auto length = batch.items.size(1);
  if (length > shape_.length) throw InternalError("sequence encoder: a batch longer than the positions");
  const auto items = batch.items.to(device());
  const auto present = batch.present.to(device());
  const auto positions = part("positions").narrow(0, shape_.length - length, length);
  auto x = torch::embedding(part("items"), items) + positions;
  x = dropped(x, masks, 0);
  // Everybody sees at least itself: a row without anything to see has no softmax.
  auto hidden = present.logical_not().view({-1, 1, 1, length});
  if (sight == Sight::kPast) {
    hidden = hidden | torch::ones({length, length}, present.options()).triu(1);
  }
  hidden = hidden & torch::eye(length, present.options()).logical_not();
  for (std::int64_t number = 0; number < shape_.layers; ++number) x = layer(x, number, hidden, masks);
  return torch::layer_norm(x, {shape_.dimension}, part("norm"), part("norm_bias"), kEncoderNormEpsilon) *
         present.unsqueeze(2);
}

}  // namespace llama4rec::recommenders
