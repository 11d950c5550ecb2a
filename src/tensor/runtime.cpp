#include "tensor/runtime.h"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include "core/cpus.h"
#include "tensor/torch.h"

namespace llama4rec::tensor {
namespace {

// Tensors of a training step are freed and allocated again in every step. glibc would map and unmap each large one, and the
// kernel would clear its pages each time; from the heap, never trimmed, they are reused as they are.
void keep_large_blocks() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

// A function of a library that libtorch brought into the process, or null. No link-time dependency: another BLAS will do.
template <class Function>
Function* loaded_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string blas_description() {
  const auto config = loaded_function<char*()>("openblas_get_config");
  const auto core = loaded_function<char*()>("openblas_get_corename");
  if (config == nullptr || core == nullptr) return at::hasMKL() ? "MKL" : "BLAS of an unknown kind";
  const std::string words = config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  const auto first = words.find(' ');
  const auto second = first == std::string::npos ? first : words.find(' ', first + 1);
  return words.substr(0, second) + ", kernel " + core();
}

std::string onednn_description() {
  struct Version {  // the first members of oneDNN's dnnl_version_t
    int major;
    int minor;
    int patch;
  };
  const auto version = loaded_function<const Version*()>("dnnl_version");
  if (version == nullptr) return at::globalContext().hasMKLDNN() ? "oneDNN" : "no oneDNN";
  return fmt::format("oneDNN {}.{}.{}", version()->major, version()->minor, version()->patch);
}

}  // namespace

void configure_runtime(std::int64_t threads) {
  keep_large_blocks();
  at::set_num_threads(static_cast<int>(threads > 0 ? std::min<std::int64_t>(threads, 1024) : available_cpus()));
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);
  // CPU kernels are deterministic for a number of threads. CUDA's are on demand; where one has no deterministic form a
  // warning is better than an end.
  if (torch::cuda::is_available()) {
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  }
}

std::string runtime_description() {
  return fmt::format("libtorch {}, {} threads, {}, {}", TORCH_VERSION, at::get_num_threads(), blas_description(),
                     onednn_description());
}

}  // namespace llama4rec::tensor
