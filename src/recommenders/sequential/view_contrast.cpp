#include "recommenders/sequential/view_contrast.h"

#include <limits>

namespace llama4rec::recommenders {

torch::Tensor view_contrast(const torch::Tensor& first, const torch::Tensor& second, double temperature) {
  const auto count = first.size(0);
  const auto both = torch::cat({first, second});
  const auto views = both / both.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
  const auto itself = torch::eye(2 * count, torch::TensorOptions().dtype(torch::kBool).device(first.device()));
  const auto scores =
      (torch::mm(views, views.t()) / temperature).masked_fill(itself, -std::numeric_limits<float>::infinity());
  const auto partners =
      torch::arange(2 * count, torch::TensorOptions().dtype(torch::kInt64).device(first.device())).roll(count);
  return torch::cross_entropy_loss(scores, partners);
}

}  // namespace llama4rec::recommenders
