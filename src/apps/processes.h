// Several processes that train one model: what torchrun, mpirun or srun says of this one, and how the commands join the others.
#pragma once

#include <optional>

#include "config/configuration.h"
#include "tensor/parallel/placement.h"
#include "tensor/parallel/world.h"
#include "tensor/torch.h"

namespace llama4rec::apps {

/// The option `device`; where a machine has several GPUs and the option names none of them, that of this process.
torch::Device device_of(const config::Configuration& configuration, const std::optional<tensor::Placement>& placement);

/// Waits for the others, as long as distributed.timeout_seconds says; without a placement this process is alone.
tensor::World join_world(const config::Configuration& configuration, const std::optional<tensor::Placement>& placement);

}  // namespace llama4rec::apps
