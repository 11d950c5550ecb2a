#include "llm/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <numeric>

#include "llm/adamw_kernel.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.99;
constexpr double kEpsilon = 1e-8;

}  // namespace

AdamW::AdamW(Parameters parameters, double weight_decay)
    : parameters_(std::move(parameters)), chunks_(chunks_of(parameters_)), weight_decay_(weight_decay) {
  for (const auto& [name, parameter] : parameters_) {
    first_moments.push_back(torch::zeros_like(parameter.detach()));
    second_moments.push_back(torch::zeros_like(parameter.detach()));
  }
}

bool AdamW::on_cpu() const { return parameters_.empty() || parameters_.front().second.is_cpu(); }

double AdamW::squared_norm() const {
  if (!on_cpu()) {
    double squares = 0;
    for (const auto& [name, parameter] : parameters_) {
      const auto flat = parameter.grad().reshape({-1});
      squares += torch::dot(flat, flat).item<double>();
    }
    return squares;
  }
  // Piece by piece in a fixed order: the same sum with any number of threads.
  std::vector<double> squares(chunks_.size());
  at::parallel_for(0, static_cast<std::int64_t>(chunks_.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto& chunk = chunks_[i];
      const float* gradient = parameters_[chunk.parameter].second.grad().data_ptr<float>() + chunk.begin;
      squares[i] = static_cast<double>(simd::dot(gradient, gradient, chunk.end - chunk.begin));
    }
  });
  return std::accumulate(squares.begin(), squares.end(), 0.0);
}

double AdamW::clip(double limit) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : parameters_) {
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
    if (!parameter.grad().is_contiguous()) parameter.mutable_grad() = parameter.grad().contiguous();
  }
  const double norm = std::sqrt(squared_norm());
  if (limit > 0 && norm > limit) {
    for (const auto& [name, parameter] : parameters_) parameter.grad().mul_(limit / norm);
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = std::sqrt(1 - std::pow(kBeta2, static_cast<double>(steps)));
  const auto decayed = [&](const torch::Tensor& parameter) { return parameter.dim() > 1 ? weight_decay_ : 0.0; };
  if (on_cpu()) {
    at::parallel_for(0, static_cast<std::int64_t>(chunks_.size()), 4, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        const auto& chunk = chunks_[i];
        const auto& parameter = parameters_[chunk.parameter].second;
        const AdamWStep step{.beta1 = static_cast<float>(kBeta1),
                             .beta2 = static_cast<float>(kBeta2),
                             .epsilon = static_cast<float>(kEpsilon),
                             .keep = static_cast<float>(1 - learning_rate * decayed(parameter)),
                             .rate = static_cast<float>(learning_rate / correction1),
                             .second_correction = static_cast<float>(correction2)};
        adamw_step(step, parameter.grad().data_ptr<float>() + chunk.begin,
                   first_moments[chunk.parameter].data_ptr<float>() + chunk.begin,
                   second_moments[chunk.parameter].data_ptr<float>() + chunk.begin,
                   parameter.data_ptr<float>() + chunk.begin, chunk.end - chunk.begin);
      }
    });
  } else {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      auto& parameter = parameters_[i].second;
      const auto gradient = parameter.grad();
      first_moments[i].mul_(kBeta1).add_(gradient, 1 - kBeta1);
      second_moments[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
      parameter.mul_(1 - learning_rate * decayed(parameter));
      const auto denominator = second_moments[i].sqrt().div_(correction2).add_(kEpsilon);
      parameter.addcdiv_(first_moments[i], denominator, -learning_rate / correction1);
    }
  }
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad() = torch::Tensor();
}

}  // namespace llama4rec::llm
