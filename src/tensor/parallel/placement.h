// Which of several processes this one is, as the program that started them says it in the environment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace llama4rec::tensor {

struct Placement {
  int rank = 0;                       ///< from 0
  int size = 1;                       ///< processes in all
  int local_rank = 0;                 ///< among those of this machine: the number of its GPU
  std::string address = "127.0.0.1";  ///< where rank 0 listens
  std::uint16_t port = 29500;

  friend bool operator==(const Placement&, const Placement&) = default;
};

/// The value of an environment variable; nothing where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

/// torchrun's RANK, WORLD_SIZE and LOCAL_RANK; beside MASTER_ADDR also the names of mpirun (Open MPI, MPICH) and srun. Nothing where one
/// process is alone. UsageError names a variable that is missing or no number in its range.
std::optional<Placement> placement_from(const EnvironmentLookup& lookup);
/// Of this process.
std::optional<Placement> placement_from_environment();

}  // namespace llama4rec::tensor
