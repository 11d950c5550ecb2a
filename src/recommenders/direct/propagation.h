// LightGCN's propagation over the graph, on preallocated buffers.
#pragma once

#include <cstdint>
#include <vector>

#include "recommenders/direct/interaction_graph.h"

namespace llama4rec::recommenders {

/// One layer: out = scale * (A x + base); `base` may be null. x, base and out are [nodes, stride]; out is none of the others.
void propagate_once(const InteractionGraph& graph, std::int64_t stride, const float* x, const float* base, float scale,
                    float* out);

/// Mean over layers: out = 1 / (layers + 1) * sum over k = 0..layers of A^k in (He et al., LightGCN, eq. 8), evaluated as
/// A(A(in) + in) + in. A is symmetric, so this is its own backward pass. `layers` is at least 1; `in`, `scratch`
/// and `out` are distinct, [nodes, stride] with stride in whole lanes. Results do not depend on the number of threads.
void propagate(const InteractionGraph& graph, std::int64_t layers, std::int64_t stride, const float* in, float* scratch,
               float* out);

}  // namespace llama4rec::recommenders
