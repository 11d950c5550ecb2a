// All parameters of a model as pieces of similar size, so that one parallel loop passes over them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace llama4rec::llm {

/// Elements begin .. end - 1 of a parameter.
struct ParameterChunk {
  std::size_t parameter = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Of parameters with so many elements each.
inline std::vector<ParameterChunk> chunks_of(const std::vector<std::int64_t>& counts) {
  constexpr std::int64_t kElements = 16384;
  std::vector<ParameterChunk> chunks;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::int64_t begin = 0; begin < counts[i]; begin += kElements) {
      chunks.push_back({.parameter = i, .begin = begin, .end = std::min(counts[i], begin + kElements)});
    }
  }
  return chunks;
}

}  // namespace llama4rec::llm
