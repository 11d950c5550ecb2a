#include "recommenders/direct/propagation.h"

#include <algorithm>
#include <utility>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {
namespace {

/// One row, `kLanes` lanes of it: out = scale * (sum over edges of weight * x[column] + base). The accumulators stay in registers.
template <int kLanes>
void gather_row(const InteractionGraph& graph, std::int64_t row, std::int64_t stride, const float* x, const float* base,
                float scale, float* out) {
  Lane sums[kLanes];
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) {
    if (base != nullptr) {
      load(sums[lane], base + row * stride + lane * kLaneWidth);
    } else {
      sums[lane] = Lane{};
    }
  }
  const std::int64_t end = graph.offsets[static_cast<std::size_t>(row) + 1];
  for (std::int64_t edge = graph.offsets[static_cast<std::size_t>(row)]; edge < end; ++edge) {
    const float* from = x + graph.columns[static_cast<std::size_t>(edge)] * stride;
    const float weight = graph.weights[static_cast<std::size_t>(edge)];
#pragma GCC unroll 4
    for (int lane = 0; lane < kLanes; ++lane) {
      Lane value;
      load(value, from + lane * kLaneWidth);
      sums[lane] += weight * value;
    }
  }
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) store(out + row * stride + lane * kLaneWidth, scale * sums[lane]);
}

}  // namespace

void propagate_once(const InteractionGraph& graph, std::int64_t stride, const float* x, const float* base, float scale,
                    float* out) {
  const auto chunks = static_cast<std::int64_t>(graph.partition.size()) - 1;
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t first = graph.partition[static_cast<std::size_t>(chunk)];
    const std::int64_t last = graph.partition[static_cast<std::size_t>(chunk) + 1];
    for (std::int64_t row = first; row < last; ++row) {
      std::int64_t column = 0;
      for (; column + 4 * kLaneWidth <= stride; column += 4 * kLaneWidth) {
        gather_row<4>(graph, row, stride, x + column, base == nullptr ? base : base + column, scale, out + column);
      }
      for (; column + 2 * kLaneWidth <= stride; column += 2 * kLaneWidth) {
        gather_row<2>(graph, row, stride, x + column, base == nullptr ? base : base + column, scale, out + column);
      }
      for (; column < stride; column += kLaneWidth) {
        gather_row<1>(graph, row, stride, x + column, base == nullptr ? base : base + column, scale, out + column);
      }
    }
  }
}

void propagate(const InteractionGraph& graph, std::int64_t layers, std::int64_t stride, const float* in, float* scratch,
               float* out) {
  // The buffers alternate such that the last layer writes to `out`.
  const float* x = in;
  float* target = layers % 2 == 1 ? out : scratch;
  for (std::int64_t layer = 1; layer <= layers; ++layer) {
    const float scale = layer == layers ? 1.0F / static_cast<float>(layers + 1) : 1.0F;
    propagate_once(graph, stride, x, in, scale, target);
    x = target;
    target = target == out ? scratch : out;
  }
}

}  // namespace llama4rec::recommenders
