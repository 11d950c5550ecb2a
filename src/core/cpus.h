// What the process may use of the machine.
#pragma once

#include <string>

namespace llama4rec {

/// CPUs that the process may use: affinity mask and cgroup quota; at least 1.
int available_cpus();
/// The processor's model name, for manifests and benchmarks.
std::string cpu_name();
/// Physical memory in bytes.
long long physical_memory();
/// Bytes that a program may take without others being paged out, as the system estimates; physical_memory() where it does not.
long long available_memory();

/// Must run first in main(). OpenBLAS chooses its kernel when it is loaded and, in the versions around, does not know newer
/// processors; where this CPU has AVX-512 the program restarts itself once with OPENBLAS_CORETYPE=SkylakeX (up to twice the
/// float32 speed), on Zen 4 with Haswell (docs/benchmarks.md). A value that the user set by LLAMA4REC_OPENBLAS_CORETYPE wins.
/// Does not return when it restarts.
void choose_blas_kernel(char** arguments);

}  // namespace llama4rec
