// The width of the engine's panels.
#pragma once

#include <cstdint>

namespace llama4rec::llm {

/// Outputs of a panel of weights; tokens of a block of keys and values.
inline constexpr std::int64_t kPanel = 32;

template <int R, class Sum>
struct TileSums;  // tile.h

}  // namespace llama4rec::llm
