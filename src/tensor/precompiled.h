// Headers that are slow to read; precompiled once for every target that uses libtorch.
#pragma once
#pragma GCC system_header

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>
