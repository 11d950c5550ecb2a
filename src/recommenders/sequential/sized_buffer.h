// Buffers that are kept between steps.
#pragma once

#include <cstdint>
#include <vector>

namespace llama4rec::recommenders {

/// The start of a buffer, made larger where it has fewer than `count` values; what it held stays.
template <typename T>
T* sized(std::vector<T>& buffer, std::int64_t count) {
  if (static_cast<std::int64_t>(buffer.size()) < count) buffer.resize(static_cast<std::size_t>(count));
  return buffer.data();
}

}  // namespace llama4rec::recommenders
