// Includes what most sources need of libtorch (<torch/autograd.h> and others come where they are used), and evens out its versions (1.13.1 as in Debian, upstream 2.x, CPU or CUDA).
#pragma once

#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

namespace llama4rec::tensor {

/// A device from the option's text: "cpu", "cuda", "cuda:1", "auto" (CUDA where there is one). UsageError when it is not there.
torch::Device parse_device(const std::string& name);

}  // namespace llama4rec::tensor
