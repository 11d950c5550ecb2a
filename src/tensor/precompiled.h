// Headers that are slow to read; precompiled once for every target that uses libtorch. Not <torch/torch.h>: each source instantiates anew
// what its templates left pending, 9 s where these take 2 s.
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

#include <torch/types.h>
#include <torch/utils.h>
