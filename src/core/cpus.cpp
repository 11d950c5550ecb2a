#include "core/cpus.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/cgroup.h"
#include "core/text.h"

namespace llama4rec {
namespace {

constexpr const char* kCoreType = "OPENBLAS_CORETYPE";
constexpr const char* kCoreTypeChoice = "LLAMA4REC_OPENBLAS_CORETYPE";
constexpr const char* kRestarted = "LLAMA4REC_RESTARTED";

std::string read_system_file(const char* path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

int cpus_by_affinity() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) return CPU_COUNT(&mask);
  return static_cast<int>(std::thread::hardware_concurrency());
}

// The faster of OpenBLAS's kernels where its own choice is not to be trusted, or nothing.
std::string best_core_type() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512cd");  // what the SkylakeX kernels use
  if (!has_avx512) return "";
  // Zen 4 executes AVX-512 in two halves: nothing gained on large products, a third to a half lost on few rows.
  return __builtin_cpu_is("amdfam19h") ? "Haswell" : "SkylakeX";
#else
  return "";
#endif
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int available_cpus() {
  int cpus = cpus_by_affinity();
  const auto quota = cgroup_cpu_quota(read_system_file("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (quota) cpus = std::min(cpus, static_cast<int>(std::ceil(std::min(*quota, 1e6))));
  return std::max(cpus, 1);
}

std::string cpu_name() {
  const std::string description = read_system_file("/proc/cpuinfo");
  for (const auto line : text::split(description, "\n")) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && text::trim(line.substr(0, colon)) == "model name") {
      return std::string(text::trim(line.substr(colon + 1)));
    }
  }
  return "unknown processor";
}

long long physical_memory() {
  return static_cast<long long>(sysconf(_SC_PHYS_PAGES)) * static_cast<long long>(sysconf(_SC_PAGESIZE));
}

long long available_memory() {
  const std::string description = read_system_file("/proc/meminfo");
  for (const auto line : text::split(description, "\n")) {  // "MemAvailable:   12345 kB"
    constexpr std::string_view kName = "MemAvailable:";
    if (line.starts_with(kName)) return 1024 * std::atoll(std::string(line.substr(kName.size())).c_str());
  }
  return physical_memory();
}

void choose_blas_kernel(char** arguments) {
  std::string wanted = environment(kCoreTypeChoice);
  if (wanted.empty()) wanted = best_core_type();
  if (wanted.empty() || environment(kCoreType) == wanted || !environment(kRestarted).empty()) return;
  setenv(kCoreType, wanted.c_str(), 1);
  setenv(kRestarted, "1", 1);
  // The resolved name first: through the link the process would be called "exe". A failure to restart costs only speed.
  std::error_code unreadable;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  if (!unreadable) execv(program.c_str(), arguments);
  execv("/proc/self/exe", arguments);
}

}  // namespace llama4rec
