// Work in similar shares, for processes or threads. No libtorch here.
#pragma once

#include <cstddef>

namespace llama4rec::tensor {

/// A run of things that stand in order; may be empty.
struct Share {
  std::size_t first = 0;
  std::size_t count = 0;

  [[nodiscard]] std::size_t end() const { return first + count; }
  [[nodiscard]] bool holds(std::size_t place) const { return place >= first && place < end(); }
};

/// The share `number` of `shares` similar ones; together they are all `things`, in order.
inline Share share_of(std::size_t things, std::size_t number, std::size_t shares) {
  const std::size_t first = number * things / shares;
  return {.first = first, .count = (number + 1) * things / shares - first};
}

}  // namespace llama4rec::tensor
