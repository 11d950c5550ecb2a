// The contrastive loss of CL4SRec (Xie et al., Contrastive Learning for Sequential Recommendation, ICDE 2022, equation 3).
#pragma once

#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// Mean over all 2 n views of -log(e^(cos(v, partner) / t) / sum over the other views of e^(cos(v, other) / t)). first, second [n, dimension]: the
/// views of the same windows. Differentiable.
torch::Tensor view_contrast(const torch::Tensor& first, const torch::Tensor& second, double temperature);

}  // namespace llama4rec::recommenders
