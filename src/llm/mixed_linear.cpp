#include "llm/mixed_linear.h"

#include <torch/autograd.h>

#include <vector>

#include "llm/mixed/panels.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct MixedLinear : Function<MixedLinear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const MixedWeight* copies) {
    const auto rows = x.size(0);
    auto y = torch::empty({rows, copies->forward.out()}, x.options());
    copies->forward.multiply(x.data_ptr<float>(), x.size(1), rows, y.data_ptr<float>(), y.size(1), Into::kStore);
    context->save_for_backward({x, weight});
    context->saved_data["copies"] = reinterpret_cast<std::int64_t>(copies);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& x = saved[0];
    const auto& copies = *reinterpret_cast<const MixedWeight*>(context->saved_data["copies"].toInt());
    const auto dy = gradients[0].contiguous();
    const auto rows = x.size(0);
    auto dx = torch::empty_like(x);
    copies.backward.multiply(dy.data_ptr<float>(), dy.size(1), rows, dx.data_ptr<float>(), dx.size(1), Into::kStore);
    if (!context->needs_input_grad(1)) return {dx, Tensor(), Tensor()};  // a frozen weight
    auto dw = torch::empty_like(saved[1]);
    const auto dy_bits = mixed::narrowed(dy.data_ptr<float>(), dy.numel());
    const auto x_bits = mixed::narrowed(x.data_ptr<float>(), x.numel());
    mixed::gradient_of_matrix(dy_bits.data(), dy.size(1), x_bits.data(), x.size(1), rows, dy.size(1), x.size(1),
                              dw.data_ptr<float>(), Into::kStore);
    return {dx, dw, Tensor()};
  }
};

}  // namespace

MixedWeight::MixedWeight(const Tensor& weight)
    : forward(weight, Precision::kBfloat16), backward(weight.detach().t(), Precision::kBfloat16) {}

Tensor mixed_linear(const Tensor& x, const Tensor& weight, const MixedWeight& copies) {
  return MixedLinear::apply(x.contiguous(), weight, &copies);
}

}  // namespace llama4rec::llm
