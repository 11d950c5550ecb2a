// libtorch's threads and the allocator, set for this process.
#pragma once

#include <cstdint>
#include <string>

namespace llama4rec::tensor {

/// Sets the intra-operator threads (0 = all CPUs the process may use), keeps large blocks in the process (returning them to
/// the system costs half of the time), makes libtorch deterministic. Call once, before the first tensor.
void configure_runtime(std::int64_t threads);

/// Versions of libtorch, BLAS and its kernel, for manifests.
std::string runtime_description();

}  // namespace llama4rec::tensor
