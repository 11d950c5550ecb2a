// The same with libtorch.
#pragma once
#pragma GCC system_header

#include "clang_vector.h"

#include <torch/torch.h>
#include <torch/version.h>
#include "plain.h"
