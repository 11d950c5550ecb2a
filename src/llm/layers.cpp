#include "llm/layers.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <atomic>
#include <vector>

#include "llm/simd_math.h"
#include "tensor/dropout.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

std::atomic<int> composed_depth = 0;  // of the process: training shares its shards over threads

constexpr std::int64_t kRowGrain = 64;

/// Calls f(row) in parallel.
template <class F>
void for_rows(std::int64_t rows, const F& f) {
  at::parallel_for(0, rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(row);
  });
}

struct RmsNorm : Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double epsilon) {
    const auto rows = x.size(0);
    const auto width = x.size(1);
    auto y = torch::empty_like(x);
    auto inverse = torch::empty({rows}, x.options());
    const float* in = x.data_ptr<float>();
    const float* w = weight.data_ptr<float>();
    float* out = y.data_ptr<float>();
    float* inv = inverse.data_ptr<float>();
    for_rows(rows, [&](std::int64_t row) {
      const float* a = in + row * width;
      float* b = out + row * width;
      const float s = static_cast<float>(
          1.0 / std::sqrt(static_cast<double>(simd::dot(a, a, width)) / static_cast<double>(width) + epsilon));
      inv[row] = s;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) b[i] = a[i] * s * w[i];
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto gradient = gradients[0].contiguous();
    const auto rows = gradient.size(0);
    const auto width = gradient.size(1);
    auto dx = torch::empty_like(gradient);
    // One partial sum of the weight's gradient per fixed block of rows: the result does not depend on the threads.
    constexpr std::int64_t kBlock = 256;
    const auto blocks = (rows + kBlock - 1) / kBlock;
    auto partial = torch::zeros({std::max<std::int64_t>(blocks, 1), width}, gradient.options());
    const float* g = gradient.data_ptr<float>();
    const float* in = saved[0].data_ptr<float>();
    const float* w = saved[1].data_ptr<float>();
    const float* inv = saved[2].data_ptr<float>();
    float* out = dx.data_ptr<float>();
    float* sums = partial.data_ptr<float>();
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        float* dw = sums + block * width;
        for (std::int64_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) {
          const float* gr = g + row * width;
          const float* a = in + row * width;
          float* o = out + row * width;
          const float s = inv[row];
          float inner = 0;
#pragma omp simd reduction(+ : inner)
          for (std::int64_t i = 0; i < width; ++i) {
            inner += gr[i] * w[i] * a[i];
            dw[i] += gr[i] * a[i] * s;
          }
          const float c = inner * s * s / static_cast<float>(width);
#pragma omp simd
          for (std::int64_t i = 0; i < width; ++i) o[i] = s * (gr[i] * w[i] - a[i] * c);
        }
      }
    });
    return {dx, partial.sum(0), Tensor()};
  }
};

struct GatedActivation : Function<GatedActivation> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_up) {
    const auto rows = gate_up.size(0);
    const auto width = gate_up.size(1) / 2;
    auto y = torch::empty({rows, width}, gate_up.options());
    const float* in = gate_up.data_ptr<float>();
    float* out = y.data_ptr<float>();
    for_rows(rows, [&](std::int64_t row) {
      const float* gate = in + row * 2 * width;
      const float* up = gate + width;
      float* o = out + row * width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) o[i] = gate[i] * simd::sigmoid(gate[i]) * up[i];
    });
    context->save_for_backward({gate_up});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto gate_up = context->get_saved_variables()[0];
    const auto gradient = gradients[0].contiguous();
    const auto width = gradient.size(1);
    auto d = torch::empty_like(gate_up);
    const float* in = gate_up.data_ptr<float>();
    const float* g = gradient.data_ptr<float>();
    float* out = d.data_ptr<float>();
    for_rows(gradient.size(0), [&](std::int64_t row) {
      const float* gate = in + row * 2 * width;
      const float* up = gate + width;
      const float* gr = g + row * width;
      float* dgate = out + row * 2 * width;
      float* dup = dgate + width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        const float s = simd::sigmoid(gate[i]);
        dgate[i] = gr[i] * up[i] * s * (1.0F + gate[i] * (1.0F - s));
        dup[i] = gr[i] * gate[i] * s;
      }
    });
    return {d};
  }
};

constexpr std::int64_t kDropBlock = 4096;

/// out[i] = (residual[i] or 0) + x[i] / keep where element i is kept.
void drop(const float* residual, const float* x, float* out, std::int64_t n, double probability, std::uint64_t seed) {
  const tensor::Dropout dropout(probability, seed);
  at::parallel_for(0, (n + kDropBlock - 1) / kDropBlock, 4, [=](std::int64_t begin, std::int64_t end) {
    float factors[kDropBlock];
    for (std::int64_t block = begin; block < end; ++block) {
      const auto start = block * kDropBlock;
      const auto count = std::min(kDropBlock, n - start);
      dropout.factors(factors, static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(count));
      const float* in = x + start;
      float* o = out + start;
      if (residual == nullptr) {
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i) o[i] = in[i] * factors[i];
      } else {
        const float* r = residual + start;
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i) o[i] = r[i] + in[i] * factors[i];
      }
    }
  });
}

/// The mask and its factor as a tensor like x, for other devices; made on the CPU, so that it is the same everywhere.
Tensor dropout_factors(const Tensor& x, double probability, std::uint64_t seed) {
  const auto ones = torch::ones(x.sizes(), torch::kFloat32);
  auto factors = torch::empty_like(ones);
  drop(nullptr, ones.data_ptr<float>(), factors.data_ptr<float>(), ones.numel(), probability, seed);
  return factors.to(x.device());
}

/// Without a residual it gets an empty tensor: an autograd node takes no undefined ones.
struct AddDropped : Function<AddDropped> {
  static Tensor forward(AutogradContext* context, const Tensor& residual, const Tensor& x, double probability,
                        std::int64_t seed) {
    auto y = torch::empty_like(x);
    drop(residual.numel() > 0 ? residual.data_ptr<float>() : nullptr, x.data_ptr<float>(), y.data_ptr<float>(),
         x.numel(), probability, static_cast<std::uint64_t>(seed));
    context->saved_data["probability"] = probability;
    context->saved_data["seed"] = seed;
    context->saved_data["residual"] = residual.numel() > 0;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto gradient = gradients[0].contiguous();
    auto dx = torch::empty_like(gradient);
    drop(nullptr, gradient.data_ptr<float>(), dx.data_ptr<float>(), gradient.numel(),
         context->saved_data["probability"].toDouble(),
         static_cast<std::uint64_t>(context->saved_data["seed"].toInt()));
    return {context->saved_data["residual"].toBool() ? gradient : Tensor(), dx, Tensor(), Tensor()};
  }
};

}  // namespace

ComposedOperations::ComposedOperations() { ++composed_depth; }
ComposedOperations::~ComposedOperations() { --composed_depth; }

bool use_fused(const Tensor& x) { return x.device().is_cpu() && composed_depth == 0; }

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  if (use_fused(x)) return RmsNorm::apply(x.contiguous(), weight, epsilon);
  return x * torch::rsqrt(x.square().mean(-1, true) + epsilon) * weight;
}

Tensor gated_activation(const Tensor& gate_up) {
  if (use_fused(gate_up)) return GatedActivation::apply(gate_up.contiguous());
  const auto halves = gate_up.chunk(2, 1);
  return torch::silu(halves[0]) * halves[1];
}

Tensor add_dropped(const Tensor& residual, const Tensor& x, double probability, std::uint64_t seed) {
  if (probability <= 0) return residual.defined() ? residual + x : x;
  if (use_fused(x)) {
    return AddDropped::apply(residual.defined() ? residual.contiguous() : torch::empty({0}, x.options()),
                             x.contiguous(), probability, static_cast<std::int64_t>(seed));
  }
  const auto dropped = x * dropout_factors(x, probability, seed);
  return residual.defined() ? residual + dropped : dropped;
}

}  // namespace llama4rec::llm
