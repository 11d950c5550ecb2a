#include "llm/adamw.h"

#include <cmath>

namespace llama4rec::llm {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.99;
constexpr double kEpsilon = 1e-8;

}  // namespace

AdamW::AdamW(Parameters parameters, double weight_decay)
    : parameters_(std::move(parameters)), weight_decay_(weight_decay) {
  for (const auto& [name, parameter] : parameters_) {
    first_moments.push_back(torch::zeros_like(parameter.detach()));
    second_moments.push_back(torch::zeros_like(parameter.detach()));
  }
}

double AdamW::clip(double limit) {
  const torch::NoGradGuard no_grad;
  double squares = 0;
  for (const auto& [name, parameter] : parameters_) {
    if (!parameter.grad().defined()) continue;
    const auto flat = parameter.grad().reshape({-1});
    squares += torch::dot(flat, flat).item<double>();
  }
  const double norm = std::sqrt(squares);
  if (limit > 0 && norm > limit) {
    for (const auto& [name, parameter] : parameters_) {
      if (parameter.grad().defined()) parameter.grad().mul_(limit / norm);
    }
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = std::sqrt(1 - std::pow(kBeta2, static_cast<double>(steps)));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& parameter = parameters_[i].second;
    if (!parameter.grad().defined()) continue;
    auto gradient = parameter.grad();
    first_moments[i].mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second_moments[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    if (parameter.dim() > 1 && weight_decay_ > 0) parameter.mul_(1 - learning_rate * weight_decay_);
    auto denominator = second_moments[i].sqrt().div_(correction2).add_(kEpsilon);
    parameter.addcdiv_(first_moments[i], denominator, -learning_rate / correction1);
    parameter.mutable_grad() = torch::Tensor();
  }
}

}  // namespace llama4rec::llm
