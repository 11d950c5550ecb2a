#include "apps/processes.h"

#include <fmt/format.h>

#include "apps/command.h"
#include "llm/parallel/distributed_options.h"

namespace llama4rec::apps {

torch::Device device_of(const config::Configuration& configuration, const std::optional<tensor::Placement>& placement) {
  const auto name = configuration.read<RuntimeOptions>().device;
  const auto device = tensor::parse_device(name);
  if (!placement || !device.is_cuda() || (name != "cuda" && name != "auto")) return device;
  return tensor::parse_device(fmt::format("cuda:{}", placement->local_rank));
}

tensor::World join_world(const config::Configuration& configuration,
                         const std::optional<tensor::Placement>& placement) {
  if (!placement) return {};
  const auto seconds = configuration.read<llm::DistributedOptions>().timeout_seconds;
  return {*placement, device_of(configuration, placement), seconds};
}

}  // namespace llama4rec::apps
