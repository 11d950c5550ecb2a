#include "llm/mixed/block.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "llm/mixed/attention.h"
#include "llm/mixed/panels.h"
#include "llm/simd_math.h"
#include "tensor/dropout.h"

namespace llama4rec::llm::mixed {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Rows that go through the layers at a time.
constexpr std::int64_t kChunk = 64;

Bfloat16Bits* bits(const Tensor& tensor) { return static_cast<Bfloat16Bits*>(tensor.data_ptr()); }

/// What the forward pass keeps for the backward pass, rows = batch * length.
struct Kept {
  Tensor normal1;   ///< normalised input [rows, hidden] bfloat16
  Tensor inverse1;  ///< 1 / root mean square [rows]
  Tensor joint;     ///< queries, keys (rotated), values [rows, joint size] bfloat16
  Tensor attended;  ///< [rows, query size] bfloat16
  Tensor log_sums;  ///< [batch, heads, length]
  Tensor middle;    ///< residual stream between attention and feed-forward layer [rows, hidden]
  Tensor normal2;   ///< [rows, hidden] bfloat16
  Tensor inverse2;  ///< [rows]
  Tensor gate_up;   ///< [rows, 2 * intermediate] bfloat16
};

/// What a thread works in for one chunk.
struct BlockMemory {
  std::vector<float> wide, branch, joint, factors;
  std::vector<Bfloat16Bits> activated;
};

BlockMemory& block_memory() {
  thread_local BlockMemory own;
  return own;
}

/// RMSNorm of a row -> bfloat16; returns 1 / root mean square.
float normalise(const float* x, const float* weight, std::int64_t width, double epsilon, Bfloat16Bits* to) {
  const float s = static_cast<float>(
      1.0 / std::sqrt(static_cast<double>(simd::dot(x, x, width)) / static_cast<double>(width) + epsilon));
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) to[i] = narrow(x[i] * s * weight[i]);
  return s;
}

/// Gradient `g` of RMSNorm's output: dx[i] = residual[i] + that of the input; adds to the weight's gradient.
void normalise_backward(const float* g, const float* x, const float* weight, float inverse, std::int64_t width,
                        const float* residual, float* dx, float* weight_gradient) {
  float inner = 0;
#pragma omp simd reduction(+ : inner)
  for (std::int64_t i = 0; i < width; ++i) {
    inner += g[i] * weight[i] * x[i];
    weight_gradient[i] += g[i] * x[i] * inverse;
  }
  const float c = inner * inverse * inverse / static_cast<float>(width);
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) dx[i] = residual[i] + inverse * (g[i] * weight[i] - x[i] * c);
}

/// Everything that both passes read.
class Pass {
 public:
  Pass(const Transformer& model, std::size_t layer, const MixedBlock& copies, const BlockPass& pass, const Tensor& x)
      : model_(model),
        weights_(model.blocks()[layer]),
        copies_(copies),
        attention_{.batch = pass.shape.batch,
                   .length = pass.shape.length,
                   .layout = {.heads = model.config().heads,
                              .key_value_heads = model.config().key_value_heads,
                              .dimension = model.config().head_dimension()}},
        after_attention_(pass.dropout, pass.attention_seed),
        after_feed_forward_(pass.dropout, pass.feed_forward_seed),
        x_(x.data_ptr<float>()),
        rows_(x.size(0)),
        hidden_(model.config().hidden),
        intermediate_(model.config().intermediate),
        joint_(attention_.layout.joint_size()),
        query_(attention_.layout.query_size()) {}

  Tensor forward(Kept& kept) const;
  /// Gradients of x and of the block's weights in the order of BlockWeights.
  variable_list backward(const Kept& kept, const Tensor& dy) const;

 private:
  /// Calls f(first row, rows) for chunks, on several threads where this is not one of them.
  template <class F>
  void by_chunks(const F& f) const {
    at::parallel_for(0, chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto chunk = begin; chunk < end; ++chunk) {
        const auto first = chunk * kChunk;
        f(first, std::min(kChunk, rows_ - first));
      }
    });
  }
  [[nodiscard]] std::int64_t chunks() const { return (rows_ + kChunk - 1) / kChunk; }
  [[nodiscard]] static Tensor bit_rows(std::int64_t rows, std::int64_t width) {
    return torch::empty({rows, width}, torch::kBFloat16);
  }
  /// The factors of dropout for `rows` rows from `first` on; null without dropout.
  const float* kept_factors(const tensor::Dropout& dropout, std::int64_t first, std::int64_t rows) const {
    if (!dropout.active()) return nullptr;
    float* factors = scratch(block_memory().factors, rows * hidden_);
    dropout.factors(factors, static_cast<std::uint32_t>(first * hidden_), static_cast<std::uint32_t>(rows * hidden_));
    return factors;
  }
  /// out = residual + dropped x, `rows` rows from `first` on of residual and out.
  void add_dropped(const tensor::Dropout& dropout, const float* residual, const float* x, std::int64_t first,
                   std::int64_t rows, float* out) const {
    const float* factors = kept_factors(dropout, first, rows);
    const float* r = residual + first * hidden_;
    float* o = out + first * hidden_;
    const auto count = rows * hidden_;
    if (factors == nullptr) {
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) o[i] = r[i] + x[i];
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) o[i] = r[i] + x[i] * factors[i];
    }
  }
  /// The gradient behind dropout, in bfloat16.
  void narrow_dropped(const tensor::Dropout& dropout, const float* gradient, std::int64_t first, std::int64_t rows,
                      Bfloat16Bits* to) const {
    const float* factors = kept_factors(dropout, first, rows);
    const float* g = gradient + first * hidden_;
    Bfloat16Bits* t = to + first * hidden_;
    const auto count = rows * hidden_;
    if (factors == nullptr) {
      narrow_row(g, count, t);
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) t[i] = narrow(g[i] * factors[i]);
    }
  }

  void project(std::int64_t first, std::int64_t rows, const Kept& kept) const;
  void feed_forward(std::int64_t first, std::int64_t rows, const Kept& kept, float* y) const;

  /// What the backward pass makes on its way, all [rows, ...] in bfloat16 unless said.
  struct Gradients {
    Tensor down;       ///< of the feed-forward layer's output
    Tensor activated;  ///< the input of the last matrix (made again)
    Tensor gate_up;
    Tensor output;  ///< of the attention's output
    Tensor attended;
    Tensor inner;   ///< [batch, heads, length] float32
    Tensor middle;  ///< [rows, hidden] float32
    Tensor joint;
    Tensor norm1;  ///< [chunks, hidden] float32, of the norm's weight
    Tensor norm2;
    Tensor bias;  ///< [chunks, joint size] float32, or undefined
  };
  void feed_forward_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const float* dy,
                             const Gradients& g) const;
  void gate_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const float* activated_gradient,
                     const Gradients& g) const;
  void attended_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const Gradients& g) const;
  void project_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const Gradients& g, float* dx) const;
  [[nodiscard]] Tensor matrix_gradient(const Tensor& weight, const Tensor& dy, const Tensor& x) const {
    if (!weight.requires_grad()) return {};
    auto gradient = torch::empty(weight.sizes(), torch::kFloat32);
    gradient_of_matrix(bits(dy), dy.size(1), bits(x), x.size(1), rows_, weight.size(0), weight.size(1),
                       gradient.data_ptr<float>(), Into::kStore);
    return gradient;
  }

  const Transformer& model_;
  const BlockWeights& weights_;
  const MixedBlock& copies_;
  AttentionShape attention_;
  tensor::Dropout after_attention_;
  tensor::Dropout after_feed_forward_;
  const float* x_;
  std::int64_t rows_;
  std::int64_t hidden_;
  std::int64_t intermediate_;
  std::int64_t joint_;
  std::int64_t query_;
};

/// Norm, projection, rotation.
void Pass::project(std::int64_t first, std::int64_t rows, const Kept& kept) const {
  const float* weight = weights_.attention_norm.data_ptr<float>();
  Bfloat16Bits* normal = bits(kept.normal1) + first * hidden_;
  for (std::int64_t row = 0; row < rows; ++row) {
    kept.inverse1.data_ptr<float>()[first + row] =
        normalise(x_ + (first + row) * hidden_, weight, hidden_, model_.config().norm_epsilon, normal + row * hidden_);
  }
  float* joint = scratch(block_memory().joint, rows * joint_);
  copies_.query_key_value.forward.multiply_bits(normal, hidden_, rows, joint, joint_, Into::kStore);
  const float* bias =
      weights_.query_key_value_bias.defined() ? weights_.query_key_value_bias.data_ptr<float>() : nullptr;
  const auto rotated = attention_.layout.heads + attention_.layout.key_value_heads;
  for (std::int64_t row = 0; row < rows; ++row) {
    float* values = joint + row * joint_;
    for (std::int64_t i = 0; bias != nullptr && i < joint_; ++i) values[i] += bias[i];
    model_.rotary().rotate_row(values, (first + row) % attention_.length, rotated);
    narrow_row(values, joint_, bits(kept.joint) + (first + row) * joint_);
  }
}

/// Everything behind the attention.
void Pass::feed_forward(std::int64_t first, std::int64_t rows, const Kept& kept, float* y) const {
  auto& m = block_memory();
  float* branch = scratch(m.branch, rows * hidden_);
  copies_.attention_output.forward.multiply_bits(bits(kept.attended) + first * query_, query_, rows, branch, hidden_,
                                                 Into::kStore);
  float* middle = kept.middle.data_ptr<float>();
  add_dropped(after_attention_, x_, branch, first, rows, middle);
  const float* weight = weights_.feed_forward_norm.data_ptr<float>();
  Bfloat16Bits* normal = bits(kept.normal2) + first * hidden_;
  for (std::int64_t row = 0; row < rows; ++row) {
    kept.inverse2.data_ptr<float>()[first + row] = normalise(middle + (first + row) * hidden_, weight, hidden_,
                                                             model_.config().norm_epsilon, normal + row * hidden_);
  }
  float* gate_up = scratch(m.wide, rows * 2 * intermediate_);
  copies_.gate_up.forward.multiply_bits(normal, hidden_, rows, gate_up, 2 * intermediate_, Into::kStore);
  Bfloat16Bits* activated = scratch(m.activated, rows * intermediate_);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* gate = gate_up + row * 2 * intermediate_;
    const float* up = gate + intermediate_;
    Bfloat16Bits* a = activated + row * intermediate_;
#pragma omp simd
    for (std::int64_t i = 0; i < intermediate_; ++i) a[i] = narrow(gate[i] * simd::sigmoid(gate[i]) * up[i]);
  }
  narrow_row(gate_up, rows * 2 * intermediate_, bits(kept.gate_up) + first * 2 * intermediate_);
  copies_.down.forward.multiply_bits(activated, intermediate_, rows, branch, hidden_, Into::kStore);
  add_dropped(after_feed_forward_, middle, branch, first, rows, y);
}

Tensor Pass::forward(Kept& kept) const {
  kept = {.normal1 = bit_rows(rows_, hidden_),
          .inverse1 = torch::empty({rows_}),
          .joint = bit_rows(rows_, joint_),
          .attended = bit_rows(rows_, query_),
          .log_sums = torch::empty({attention_.batch, attention_.layout.heads, attention_.length}),
          .middle = torch::empty({rows_, hidden_}),
          .normal2 = bit_rows(rows_, hidden_),
          .inverse2 = torch::empty({rows_}),
          .gate_up = bit_rows(rows_, 2 * intermediate_)};
  auto y = torch::empty({rows_, hidden_});
  by_chunks([&](std::int64_t first, std::int64_t rows) { project(first, rows, kept); });
  attend(bits(kept.joint), attention_, bits(kept.attended), kept.log_sums.data_ptr<float>());
  by_chunks([&](std::int64_t first, std::int64_t rows) { feed_forward(first, rows, kept, y.data_ptr<float>()); });
  return y;
}

void Pass::gate_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const float* activated_gradient,
                         const Gradients& g) const {
  for (std::int64_t row = 0; row < rows; ++row) {
    const Bfloat16Bits* gate = bits(kept.gate_up) + (first + row) * 2 * intermediate_;
    const Bfloat16Bits* up = gate + intermediate_;
    const float* d = activated_gradient + row * intermediate_;
    Bfloat16Bits* activated = bits(g.activated) + (first + row) * intermediate_;
    Bfloat16Bits* gate_gradient = bits(g.gate_up) + (first + row) * 2 * intermediate_;
    Bfloat16Bits* up_gradient = gate_gradient + intermediate_;
#pragma omp simd
    for (std::int64_t i = 0; i < intermediate_; ++i) {
      const float x = widen(gate[i]);
      const float u = widen(up[i]);
      const float s = simd::sigmoid(x);
      activated[i] = narrow(x * s * u);
      gate_gradient[i] = narrow(d[i] * u * s * (1.0F + x * (1.0F - s)));
      up_gradient[i] = narrow(d[i] * x * s);
    }
  }
}

void Pass::feed_forward_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const float* dy,
                                 const Gradients& g) const {
  auto& m = block_memory();
  narrow_dropped(after_feed_forward_, dy, first, rows, bits(g.down));
  float* activated_gradient = scratch(m.wide, rows * intermediate_);
  copies_.down.backward.multiply_bits(bits(g.down) + first * hidden_, hidden_, rows, activated_gradient, intermediate_,
                                      Into::kStore);
  gate_backward(first, rows, kept, activated_gradient, g);
  float* normal_gradient = scratch(m.branch, rows * hidden_);
  copies_.gate_up.backward.multiply_bits(bits(g.gate_up) + first * 2 * intermediate_, 2 * intermediate_, rows,
                                         normal_gradient, hidden_, Into::kStore);
  float* middle = g.middle.data_ptr<float>();
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = (first + row) * hidden_;
    normalise_backward(normal_gradient + row * hidden_, kept.middle.data_ptr<float>() + at,
                       weights_.feed_forward_norm.data_ptr<float>(), kept.inverse2.data_ptr<float>()[first + row],
                       hidden_, dy + at, middle + at, g.norm2.data_ptr<float>() + first / kChunk * hidden_);
  }
}

void Pass::attended_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const Gradients& g) const {
  auto& m = block_memory();
  narrow_dropped(after_attention_, g.middle.data_ptr<float>(), first, rows, bits(g.output));
  float* gradient = scratch(m.wide, rows * query_);
  copies_.attention_output.backward.multiply_bits(bits(g.output) + first * hidden_, hidden_, rows, gradient, query_,
                                                  Into::kStore);
  narrow_row(gradient, rows * query_, bits(g.attended) + first * query_);
  const auto d = attention_.layout.dimension;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto batch = (first + row) / attention_.length;
    const auto place = (first + row) % attention_.length;
    for (std::int64_t head = 0; head < attention_.layout.heads; ++head) {
      const float* a = gradient + row * query_ + head * d;
      const Bfloat16Bits* b = bits(kept.attended) + (first + row) * query_ + head * d;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < d; ++i) sum += a[i] * widen(b[i]);
      g.inner.data_ptr<float>()[(batch * attention_.layout.heads + head) * attention_.length + place] = sum;
    }
  }
}

void Pass::project_backward(std::int64_t first, std::int64_t rows, const Kept& kept, const Gradients& g,
                            float* dx) const {
  float* gradient = scratch(block_memory().branch, rows * hidden_);
  const Bfloat16Bits* joint = bits(g.joint) + first * joint_;
  copies_.query_key_value.backward.multiply_bits(joint, joint_, rows, gradient, hidden_, Into::kStore);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = (first + row) * hidden_;
    normalise_backward(gradient + row * hidden_, x_ + at, weights_.attention_norm.data_ptr<float>(),
                       kept.inverse1.data_ptr<float>()[first + row], hidden_, g.middle.data_ptr<float>() + at, dx + at,
                       g.norm1.data_ptr<float>() + first / kChunk * hidden_);
    if (!g.bias.defined()) continue;
    float* bias = g.bias.data_ptr<float>() + first / kChunk * joint_;
    for (std::int64_t i = 0; i < joint_; ++i) bias[i] += widen(joint[row * joint_ + i]);
  }
}

variable_list Pass::backward(const Kept& kept, const Tensor& dy) const {
  Gradients g{.down = bit_rows(rows_, hidden_),
              .activated = bit_rows(rows_, intermediate_),
              .gate_up = bit_rows(rows_, 2 * intermediate_),
              .output = bit_rows(rows_, hidden_),
              .attended = bit_rows(rows_, query_),
              .inner = torch::empty({attention_.batch, attention_.layout.heads, attention_.length}),
              .middle = torch::empty({rows_, hidden_}),
              .joint = bit_rows(rows_, joint_),
              .norm1 = torch::zeros({chunks(), hidden_}),
              .norm2 = torch::zeros({chunks(), hidden_}),
              .bias = weights_.query_key_value_bias.defined() ? torch::zeros({chunks(), joint_}) : Tensor()};
  by_chunks([&](std::int64_t first, std::int64_t rows) {
    feed_forward_backward(first, rows, kept, dy.data_ptr<float>(), g);
    attended_backward(first, rows, kept, g);
  });
  const auto down = matrix_gradient(weights_.down, g.down, g.activated);
  g.activated = Tensor();
  const auto gate_up = matrix_gradient(weights_.gate_up, g.gate_up, kept.normal2);
  g.gate_up = Tensor();
  const auto output = matrix_gradient(weights_.attention_output, g.output, kept.attended);
  attend_backward(bits(kept.joint), bits(g.attended), g.inner.data_ptr<float>(), kept.log_sums.data_ptr<float>(),
                  attention_, model_.rotary(), bits(g.joint));
  auto dx = torch::empty({rows_, hidden_});
  by_chunks(
      [&](std::int64_t first, std::int64_t rows) { project_backward(first, rows, kept, g, dx.data_ptr<float>()); });
  const auto joint = matrix_gradient(weights_.query_key_value, g.joint, kept.normal1);
  return {dx,     g.norm1.sum(0), joint,   g.bias.defined() ? g.bias.sum(0) : Tensor(),
          output, g.norm2.sum(0), gate_up, down};
}

struct BlockNode : Function<BlockNode> {
  /// The weights are named so that autograd sees them; they are read from the model.
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*attention_norm*/,
                        const Tensor& /*query_key_value*/, const Tensor& /*bias*/, const Tensor& /*attention_output*/,
                        const Tensor& /*feed_forward_norm*/, const Tensor& /*gate_up*/, const Tensor& /*down*/,
                        const Transformer* model, std::size_t layer, const MixedBlock* copies, const BlockPass& pass) {
    Kept kept;
    auto y = Pass(*model, layer, *copies, pass, x).forward(kept);
    context->save_for_backward({x, kept.normal1, kept.inverse1, kept.joint, kept.attended, kept.log_sums, kept.middle,
                                kept.normal2, kept.inverse2, kept.gate_up});
    auto& data = context->saved_data;
    data["model"] = reinterpret_cast<std::int64_t>(model);
    data["layer"] = static_cast<std::int64_t>(layer);
    data["copies"] = reinterpret_cast<std::int64_t>(copies);
    data["batch"] = pass.shape.batch;
    data["length"] = pass.shape.length;
    data["dropout"] = pass.dropout;
    data["attention_seed"] = static_cast<std::int64_t>(pass.attention_seed);
    data["feed_forward_seed"] = static_cast<std::int64_t>(pass.feed_forward_seed);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto s = context->get_saved_variables();
    const Kept kept{.normal1 = s[1],
                    .inverse1 = s[2],
                    .joint = s[3],
                    .attended = s[4],
                    .log_sums = s[5],
                    .middle = s[6],
                    .normal2 = s[7],
                    .inverse2 = s[8],
                    .gate_up = s[9]};
    auto& data = context->saved_data;
    const auto& model = *reinterpret_cast<const Transformer*>(data["model"].toInt());
    const auto& copies = *reinterpret_cast<const MixedBlock*>(data["copies"].toInt());
    const BlockPass pass{.shape = {.batch = data["batch"].toInt(), .length = data["length"].toInt()},
                         .dropout = data["dropout"].toDouble(),
                         .attention_seed = static_cast<std::uint64_t>(data["attention_seed"].toInt()),
                         .feed_forward_seed = static_cast<std::uint64_t>(data["feed_forward_seed"].toInt())};
    auto result = Pass(model, static_cast<std::size_t>(data["layer"].toInt()), copies, pass, s[0])
                      .backward(kept, gradients[0].contiguous());
    result.resize(12);  // what is not a tensor
    return result;
  }
};

}  // namespace

bool fits_block(const ModelConfig& config) { return config.hidden % 2 == 0 && config.intermediate % 2 == 0; }

Tensor block(const Tensor& x, const Transformer& model, std::size_t layer, const MixedBlock& copies,
             const BlockPass& pass) {
  const auto& w = model.blocks()[layer];
  // An autograd node takes no undefined tensors.
  const auto bias = w.query_key_value_bias.defined() ? w.query_key_value_bias : torch::empty({0});
  return BlockNode::apply(x.contiguous(), w.attention_norm, w.query_key_value, bias, w.attention_output,
                          w.feed_forward_norm, w.gate_up, w.down, &model, layer, &copies, pass);
}

}  // namespace llama4rec::llm::mixed
