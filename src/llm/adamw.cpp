#include "llm/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "llm/adamw_kernel.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.99;
constexpr double kEpsilon = 1e-8;

std::vector<std::int64_t> counts_of(const std::vector<OptimisedPart>& parts) {
  std::vector<std::int64_t> counts;
  for (const auto& part : parts) counts.push_back(part.weight.numel());
  return counts;
}

}  // namespace

AdamW::AdamW(std::vector<OptimisedPart> parts, double weight_decay)
    : parts_(std::move(parts)), chunks_(chunks_of(counts_of(parts_))), weight_decay_(weight_decay) {}

double AdamW::squared_norm() const {
  const torch::NoGradGuard no_grad;
  if (!on_cpu()) {
    double squares = 0;
    for (const auto& part : parts_) {
      const auto flat = part.gradient.reshape({-1});
      squares += torch::dot(flat, flat).item<double>();
    }
    return squares;
  }
  // Piece by piece in a fixed order: the same sum with any number of threads.
  std::vector<double> squares(chunks_.size());
  at::parallel_for(0, static_cast<std::int64_t>(chunks_.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto& chunk = chunks_[i];
      const float* gradient = parts_[chunk.parameter].gradient.data_ptr<float>() + chunk.begin;
      squares[i] = static_cast<double>(simd::dot(gradient, gradient, chunk.end - chunk.begin));
    }
  });
  return std::accumulate(squares.begin(), squares.end(), 0.0);
}

void AdamW::scale_gradients(double factor) {
  const torch::NoGradGuard no_grad;
  for (auto& part : parts_) part.gradient.mul_(factor);
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = std::sqrt(1 - std::pow(kBeta2, static_cast<double>(steps)));
  const auto decay = [&](const OptimisedPart& part) { return part.decayed ? weight_decay_ : 0.0; };
  if (on_cpu()) {
    at::parallel_for(0, static_cast<std::int64_t>(chunks_.size()), 4, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        const auto& chunk = chunks_[i];
        const auto& part = parts_[chunk.parameter];
        const AdamWStep step{.beta1 = static_cast<float>(kBeta1),
                             .beta2 = static_cast<float>(kBeta2),
                             .epsilon = static_cast<float>(kEpsilon),
                             .keep = static_cast<float>(1 - learning_rate * decay(part)),
                             .rate = static_cast<float>(learning_rate / correction1),
                             .second_correction = static_cast<float>(correction2)};
        adamw_step(step, part.gradient.data_ptr<float>() + chunk.begin,
                   part.first_moment.data_ptr<float>() + chunk.begin,
                   part.second_moment.data_ptr<float>() + chunk.begin, part.weight.data_ptr<float>() + chunk.begin,
                   chunk.end - chunk.begin);
      }
    });
    return;
  }
  for (auto& part : parts_) {
    part.first_moment.mul_(kBeta1).add_(part.gradient, 1 - kBeta1);
    part.second_moment.mul_(kBeta2).addcmul_(part.gradient, part.gradient, 1 - kBeta2);
    part.weight.mul_(1 - learning_rate * decay(part));
    const auto denominator = part.second_moment.sqrt().div_(correction2).add_(kEpsilon);
    part.weight.addcdiv_(part.first_moment, denominator, -learning_rate / correction1);
  }
}

}  // namespace llama4rec::llm
