#include "llm/transformer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/random.h"
#include "llm/layers.h"
#include "llm/lora/adapters.h"
#include "llm/mixed/block.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;

/// Normal values from our own stream: the same on every device and version.
Tensor normal(std::int64_t rows, std::int64_t columns, double deviation, RandomStream& random) {
  auto values = torch::empty({rows, columns}, torch::kFloat32);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(deviation * random.normal());
  return values;
}

/// 0.02 as usual for wide models; narrow ones, whose sums have fewer terms, need more to start learning soon.
double initial_deviation(std::int64_t hidden) { return std::max(0.02, 0.5 / std::sqrt(static_cast<double>(hidden))); }

/// Of the place in the model: the embedding, then two branches of every block.
std::uint64_t dropout_seed(std::uint64_t seed, std::uint64_t place) {
  return derived_seed(seed, "llm.dropout", {place});
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, std::optional<std::uint64_t> seed, const torch::Device& device)
    : config_(config),
      device_(device),
      layout_{.heads = config.heads, .key_value_heads = config.key_value_heads, .dimension = config.head_dimension()},
      rotary_(config.context, config.head_dimension(), config.rope_theta, config.rope_scaling, device) {
  const double deviation = initial_deviation(config.hidden);
  const double residual = deviation / std::sqrt(2.0 * static_cast<double>(config.layers));
  RandomStream random(seed.value_or(0), "llm.weights");
  const auto matrix = [&](std::int64_t rows, std::int64_t columns, double spread) {
    if (!seed) return torch::empty({rows, columns}, torch::dtype(torch::kFloat32).device(device)).requires_grad_();
    return normal(rows, columns, spread, random).to(device).requires_grad_();
  };
  const auto ones = [&] { return torch::ones({config.hidden}, torch::kFloat32).to(device).requires_grad_(); };
  embedding_ = matrix(config.vocabulary, config.hidden, deviation);
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    blocks_.push_back({.attention_norm = ones(),
                       .query_key_value = matrix(layout_.joint_size(), config.hidden, deviation),
                       .query_key_value_bias = {},
                       .attention_output = matrix(config.hidden, layout_.query_size(), residual),
                       .feed_forward_norm = ones(),
                       .gate_up = matrix(2 * config.intermediate, config.hidden, deviation),
                       .down = matrix(config.hidden, config.intermediate, residual)});
    if (config.query_key_value_bias) {
      blocks_.back().query_key_value_bias =
          torch::zeros({layout_.joint_size()}, torch::kFloat32).to(device).requires_grad_();
    }
  }
  norm_ = ones();
  if (!config.tied) head_ = matrix(config.vocabulary, config.hidden, deviation);
}

std::vector<std::pair<std::string, Tensor>> Transformer::parameters() const {
  std::vector<std::pair<std::string, Tensor>> all{{"embedding", embedding_}};
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    const auto& block = blocks_[layer];
    const auto name = [&](const char* part) { return fmt::format("blocks.{}.{}", layer, part); };
    all.emplace_back(name("attention_norm"), block.attention_norm);
    all.emplace_back(name("query_key_value"), block.query_key_value);
    if (config_.query_key_value_bias) all.emplace_back(name("query_key_value_bias"), block.query_key_value_bias);
    all.emplace_back(name("attention_output"), block.attention_output);
    all.emplace_back(name("feed_forward_norm"), block.feed_forward_norm);
    all.emplace_back(name("gate_up"), block.gate_up);
    all.emplace_back(name("down"), block.down);
  }
  all.emplace_back("norm", norm_);
  if (!config_.tied) all.emplace_back("head", head_);
  return all;
}

/// x [rows, hidden] -> queries, keys, values [rows, joint size].
Tensor Transformer::project(const Tensor& x, const BlockWeights& block) const {
  return torch::linear(rms_norm(x, block.attention_norm, config_.norm_epsilon), block.query_key_value,
                       block.query_key_value_bias);
}

Tensor Transformer::embedded(const Tensor& tokens, const TrainingPass& pass) const {
  const auto x = torch::embedding(embedding_, tokens.reshape({-1}));
  if (!pass.dropout_seed) return x;
  return add_dropped(Tensor(), x, config_.dropout, dropout_seed(*pass.dropout_seed, 0));
}

Tensor Transformer::block_states(std::size_t layer, const Tensor& x, const SequenceShape& shape,
                                 const TrainingPass& pass, const MixedBlock* copies) const {
  const auto& block = blocks_[layer];
  const double dropout = pass.dropout_seed ? config_.dropout : 0.0;
  const auto seed = [&](std::uint64_t branch) {
    return dropout_seed(pass.dropout_seed.value_or(0), 1 + 2 * static_cast<std::uint64_t>(layer) + branch);
  };
  if (copies != nullptr && pass.adapters == nullptr && use_fused(x) && mixed::fits_block(config_)) {
    return mixed::block(x, *this, layer, *copies,
                        {.shape = shape, .dropout = dropout, .attention_seed = seed(0), .feed_forward_seed = seed(1)});
  }
  const auto product = [&](const Tensor& input, const Tensor& weight, MixedWeight MixedBlock::*matrix,
                           std::initializer_list<AdapterTarget> targets) {
    const auto y = copies == nullptr ? torch::linear(input, weight) : mixed_linear(input, weight, copies->*matrix);
    if (pass.adapters == nullptr) return y;
    std::optional<std::uint64_t> adapter_seed;
    if (pass.dropout_seed) adapter_seed = derived_seed(*pass.dropout_seed, "lora", {static_cast<std::uint64_t>(layer)});
    return pass.adapters->added(y, input, layer, targets, adapter_seed);
  };
  using enum AdapterTarget;
  auto qkv = product(rms_norm(x, block.attention_norm, config_.norm_epsilon), block.query_key_value,
                     &MixedBlock::query_key_value, {kQuery, kKey, kValue});
  if (block.query_key_value_bias.defined()) qkv = qkv + block.query_key_value_bias;
  const auto attended = causal_attention(qkv, shape.batch, shape.length, layout_, rotary_);
  const auto middle = add_dropped(
      x, product(attended, block.attention_output, &MixedBlock::attention_output, {kOutput}), dropout, seed(0));
  const auto gate_up = product(rms_norm(middle, block.feed_forward_norm, config_.norm_epsilon), block.gate_up,
                               &MixedBlock::gate_up, {kGate, kUp});
  return add_dropped(middle, product(gated_activation(gate_up), block.down, &MixedBlock::down, {kDown}), dropout,
                     seed(1));
}

MixedBlock Transformer::mixed_block(std::size_t layer) const {
  const auto& block = blocks_[layer];
  return {.query_key_value = MixedWeight(block.query_key_value),
          .attention_output = MixedWeight(block.attention_output),
          .gate_up = MixedWeight(block.gate_up),
          .down = MixedWeight(block.down)};
}

MixedWeights Transformer::mixed_weights() const {
  MixedWeights mixed;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) mixed.blocks.push_back(mixed_block(layer));
  mixed.head = MixedWeight(head());
  return mixed;
}

Tensor Transformer::training_states(const Tensor& tokens, const TrainingPass& pass) const {
  const SequenceShape shape{.batch = tokens.size(0), .length = tokens.size(1)};
  auto x = embedded(tokens, pass);
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    x = block_states(layer, x, shape, pass, pass.mixed == nullptr ? nullptr : &pass.mixed->blocks[layer]);
  }
  return x;
}

Tensor Transformer::loss(const Tensor& states, const Tensor& targets, const MixedWeight* mixed) const {
  return token_loss(normalized(states), head(), targets, mixed);
}

Tensor Transformer::normalized(const Tensor& states) const { return rms_norm(states, norm_, config_.norm_epsilon); }

/// `attend(layer, queries, keys, values)` gets rotated queries and keys [batch, length, ...].
template <class Attend>
Tensor Transformer::read_with(const ReadBatch& batch, const Attend& attend) const {
  const torch::NoGradGuard no_grad;
  const auto rows = batch.tokens.size(0);
  const auto length = batch.tokens.size(1);
  // Padding may lie behind the context.
  const auto positions = batch.positions.reshape({-1}).clamp_max(config_.context - 1).contiguous();
  auto x = torch::embedding(embedding_, batch.tokens.reshape({-1}));
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    const auto& block = blocks_[layer];
    auto qkv = project(x, block);
    rotary_.rotate(qkv, positions, layout_.heads + layout_.key_value_heads, 1);
    const auto part = [&](std::int64_t column, std::int64_t width) {
      return qkv.narrow(1, column, width).contiguous().view({rows, length, width});
    };
    const auto attended =
        attend(layer, part(0, layout_.query_size()), part(layout_.query_size(), layout_.key_value_size()),
               part(layout_.query_size() + layout_.key_value_size(), layout_.key_value_size()));
    x = x + torch::linear(attended.view({rows * length, -1}), block.attention_output);
    const auto gate_up = torch::linear(rms_norm(x, block.feed_forward_norm, config_.norm_epsilon), block.gate_up);
    x = x + torch::linear(gated_activation(gate_up), block.down);
  }
  return x;
}

Tensor Transformer::read(const ReadBatch& batch, KeyValueCache* keep) const {
  if (keep != nullptr) *keep = KeyValueCache();
  return read_with(batch, [&](std::size_t, const Tensor& q, const Tensor& k, const Tensor& v) {
    if (keep != nullptr) {
      keep->keys.push_back(k);
      keep->values.push_back(v);
    }
    return visible_attention(q, k, v, layout_, batch.visibility);
  });
}

Tensor Transformer::read_on(const ReadBatch& batch, KeyValueCache& cache) const {
  const auto rows = batch.tokens.size(0);
  const auto length = batch.tokens.size(1);
  const auto first = torch::arange(rows, batch.positions.options()).unsqueeze(1) * cache.capacity();
  const auto places = (batch.positions + first).reshape({-1});
  return read_with(batch, [&](std::size_t layer, const Tensor& q, const Tensor& k, const Tensor& v) {
    const auto width = k.size(2);
    cache.keys[layer].view({-1, width}).index_copy_(0, places, k.view({rows * length, width}));
    cache.values[layer].view({-1, width}).index_copy_(0, places, v.view({rows * length, width}));
    return visible_attention(q, cache.keys[layer], cache.values[layer], layout_, batch.visibility);
  });
}

}  // namespace llama4rec::llm
