#include "tensor/parallel/placement.h"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::tensor {
namespace {

/// The variables of one way of starting processes.
struct Names {
  const char* rank;
  const char* size;
  const char* local_rank;
};
constexpr Names kTorchrun{"RANK", "WORLD_SIZE", "LOCAL_RANK"};
/// Also set where nobody means to train together (a shell inside an allocation), so they count beside MASTER_ADDR only.
constexpr Names kOthers[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
                             {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
                             {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"}};

int number(const EnvironmentLookup& lookup, const char* name, int minimum, int maximum, std::optional<int> fallback) {
  const auto text = lookup(name);
  if (!text) {
    if (fallback) return *fallback;
    throw UsageError(
        fmt::format("the environment variable {} is missing, which goes with the others of several processes", name));
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < minimum || value > maximum) {
    throw UsageError(fmt::format("the environment variable {} is '{}', expected a number from {} to {}", name, *text,
                                 minimum, maximum));
  }
  return value;
}

}  // namespace

std::optional<Placement> placement_from(const EnvironmentLookup& lookup) {
  constexpr int kMostProcesses = 65536;
  const Names* names = nullptr;
  if (lookup(kTorchrun.rank) || lookup(kTorchrun.size)) names = &kTorchrun;
  if (names == nullptr && lookup("MASTER_ADDR")) {
    for (const auto& it : kOthers) {
      if (names == nullptr && lookup(it.rank) && lookup(it.size)) names = &it;
    }
  }
  if (names == nullptr) return std::nullopt;
  Placement placement;
  placement.size = number(lookup, names->size, 1, kMostProcesses, std::nullopt);
  placement.rank = number(lookup, names->rank, 0, placement.size - 1, std::nullopt);
  if (placement.size == 1) return std::nullopt;
  placement.local_rank = number(lookup, names->local_rank, 0, kMostProcesses, placement.rank);
  const auto address = lookup("MASTER_ADDR");
  if (!address || address->empty()) {
    throw UsageError("the environment variable MASTER_ADDR is missing: the address of the machine of rank 0");
  }
  placement.address = *address;
  placement.port = static_cast<std::uint16_t>(number(lookup, "MASTER_PORT", 1, 65535, std::nullopt));
  return placement;
}

std::optional<Placement> placement_from_environment() {
  return placement_from([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

}  // namespace llama4rec::tensor
