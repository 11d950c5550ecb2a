// The output layer in blocks of rows; declared in llm/layers.h.
#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <vector>

#include "llm/layers.h"
#include "llm/mixed/panels.h"
#include "llm/mixed_linear.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Rows whose logits exist at a time: few enough to stay in the cache.
std::int64_t block_rows(std::int64_t vocabulary) {
  constexpr std::int64_t kLogits = 1 << 20;
  return std::clamp<std::int64_t>(kLogits / std::max<std::int64_t>(vocabulary, 1), 16, 1024);
}

/// Turns logits [rows, vocabulary] into (softmax - one-hot) * factor and returns the sum of the rows' cross-entropies.
double softmax_gradient(Tensor& logits, const Tensor& targets, float factor) {
  if (!use_fused(logits)) {
    const auto log_probabilities = torch::log_softmax(logits, 1);
    const auto index = targets.unsqueeze(1);
    const auto picked = log_probabilities.gather(1, index);
    logits.copy_(log_probabilities.exp());
    logits.scatter_add_(1, index, torch::full_like(picked, -1));
    logits.mul_(factor);
    return -picked.sum(torch::kFloat64).item<double>();
  }
  const auto rows = logits.size(0);
  const auto width = logits.size(1);
  float* base = logits.data_ptr<float>();
  const std::int64_t* target = targets.data_ptr<std::int64_t>();
  std::vector<double> losses(static_cast<std::size_t>(rows));
  at::parallel_for(0, rows, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* row = base + r * width;
      const float top = simd::maximum(row, width);
      const float at_target = row[target[r]];
      const float sum = simd::exponentiate(row, top, width);
      losses[static_cast<std::size_t>(r)] = std::log(static_cast<double>(sum)) + top - at_target;
      simd::scale(row, factor / sum, width);
      row[target[r]] -= factor;
    }
  });
  double total = 0;
  for (const double loss : losses) total += loss;
  return total;
}

/// What gradients are for.
enum class Learning { kNothing, kStates, kStatesAndHead };

/// The products of one block of rows in float32.
class PlainProducts {
 public:
  explicit PlainProducts(const Tensor& head) : head_(head), transposed_(head.t()) {}
  void logits(const Tensor& x, Tensor& out) const { torch::mm_out(out, x, transposed_); }
  void gradients(const Tensor& x, const Tensor& logits, Tensor& dx, Tensor* dhead) const {
    torch::mm_out(dx, logits, head_);
    if (dhead != nullptr) dhead->addmm_(logits.t(), x);
  }

 private:
  Tensor head_;
  Tensor transposed_;
};

/// The same in bfloat16; rows are rounded once.
class MixedProducts {
 public:
  explicit MixedProducts(const MixedWeight& copies) : copies_(copies) {}
  void logits(const Tensor& x, Tensor& out) const {
    copies_.forward.multiply(x.data_ptr<float>(), x.size(1), x.size(0), out.data_ptr<float>(), out.size(1),
                             Into::kStore);
  }
  void gradients(const Tensor& x, const Tensor& logits, Tensor& dx, Tensor* dhead) {
    const auto rows = x.size(0);
    const auto vocabulary = logits.size(1);
    const auto stride = mixed::whole(vocabulary, 2);
    auto* gradient = mixed::scratch(gradient_, rows * stride);
    for (std::int64_t row = 0; row < rows; ++row) {
      gradient[(row + 1) * stride - 1] = 0;
      mixed::narrow_row(logits.data_ptr<float>() + row * vocabulary, vocabulary, gradient + row * stride);
    }
    copies_.backward.multiply_bits(gradient, stride, rows, dx.data_ptr<float>(), dx.size(1), Into::kStore);
    if (dhead == nullptr) return;
    const auto states = mixed::narrowed(x.data_ptr<float>(), x.numel());
    mixed::gradient_of_matrix(gradient, stride, states.data(), x.size(1), rows, vocabulary, x.size(1),
                              dhead->data_ptr<float>(), first_ ? Into::kStore : Into::kAdd);
    first_ = false;
  }

 private:
  const MixedWeight& copies_;
  std::vector<Bfloat16Bits> gradient_;
  bool first_ = true;
};

/// Loss over blocks of rows: the sum of the cross-entropies; gradients of their mean into dx and dhead where these are defined.
template <class Products>
double loss_by_blocks(Products& products, const Tensor& x, std::int64_t vocabulary, const Tensor& targets, Tensor& dx,
                      Tensor& dhead) {
  const auto rows = x.size(0);
  const auto block = block_rows(vocabulary);
  auto logits = torch::empty({std::min(block, rows), vocabulary}, x.options());
  double total = 0;
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const auto count = std::min(block, rows - begin);
    const auto part = x.narrow(0, begin, count);
    auto out = logits.narrow(0, 0, count);
    products.logits(part, out);
    total += softmax_gradient(out, targets.narrow(0, begin, count), 1.0F / static_cast<float>(rows));
    if (!dx.defined()) continue;
    auto rows_of_dx = dx.narrow(0, begin, count);
    products.gradients(part, out, rows_of_dx, dhead.defined() ? &dhead : nullptr);
  }
  return total;
}

/// x [n, hidden], head [vocabulary, hidden], targets [n] -> mean loss. Both gradients are computed in the forward pass, where the
/// probabilities of a block are at hand, and only scaled in the backward pass.
struct TokenLoss : Function<TokenLoss> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& head, const Tensor& targets,
                        Learning learning, const MixedWeight* copies) {
    auto dx = learning == Learning::kNothing ? Tensor() : torch::empty_like(x);
    Tensor dhead;
    double total = 0;
    if (copies == nullptr) {
      if (learning == Learning::kStatesAndHead) dhead = torch::zeros_like(head);
      PlainProducts products(head);
      total = loss_by_blocks(products, x, head.size(0), targets, dx, dhead);
    } else {
      if (learning == Learning::kStatesAndHead) dhead = torch::empty_like(head);
      MixedProducts products(*copies);
      total = loss_by_blocks(products, x, head.size(0), targets, dx, dhead);
    }
    if (learning != Learning::kNothing) context->save_for_backward({dx, dhead});
    return torch::full({}, total / static_cast<double>(x.size(0)), x.options());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto dhead = saved[1].defined() ? saved[1] * gradients[0] : Tensor();
    return {saved[0] * gradients[0], dhead, Tensor(), Tensor(), Tensor()};
  }
};

/// log of the sum of e^logit by row [rows].
Tensor log_sums(const Tensor& logits) {
  if (!use_fused(logits)) return torch::logsumexp(logits, 1);
  const auto rows = logits.size(0);
  const auto width = logits.size(1);
  auto result = torch::empty({rows}, logits.options());
  const float* base = logits.data_ptr<float>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, rows, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* row = base + r * width;
      const float top = simd::maximum(row, width);
      out[r] = top + std::log(simd::exponential_sum(row, top, width));
    }
  });
  return result;
}

}  // namespace

Tensor token_loss(const Tensor& x, const Tensor& head, const Tensor& targets, const MixedWeight* copies) {
  // Asked here: inside `apply` recording is off.
  auto learning = Learning::kNothing;
  if (torch::GradMode::is_enabled()) {
    if (x.requires_grad()) learning = Learning::kStates;
    if (head.requires_grad()) learning = Learning::kStatesAndHead;
  }
  return TokenLoss::apply(x.contiguous(), head, targets, learning, copies);
}

Tensor token_log_probabilities(const Tensor& x, const Tensor& head, const Tensor& rows, const Tensor& tokens) {
  const auto block = block_rows(head.size(0));
  auto logits = torch::empty({std::min(block, x.size(0)), head.size(0)}, x.options());
  auto sums = torch::empty({x.size(0)}, x.options());
  const auto transposed = head.t();
  for (std::int64_t begin = 0; begin < x.size(0); begin += block) {
    const auto count = std::min(block, x.size(0) - begin);
    auto out = logits.narrow(0, 0, count);
    torch::mm_out(out, x.narrow(0, begin, count), transposed);
    sums.narrow(0, begin, count).copy_(log_sums(out));
  }
  const auto asked = (x.index_select(0, rows) * head.index_select(0, tokens)).sum(1);
  return (asked - sums.index_select(0, rows)).cpu();
}

}  // namespace llama4rec::llm
