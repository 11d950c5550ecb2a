#include "tensor/torch.h"

#include <string>

#include <llama4rec/error.h>
#include <torch/cuda.h>

namespace llama4rec::tensor {

torch::Device parse_device(const std::string& name) {
  if (name == "cpu") return torch::Device(torch::kCPU);
  const auto devices = torch::cuda::is_available() ? static_cast<long>(torch::cuda::device_count()) : 0L;
  if (name == "auto") return devices > 0 ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  long index = -1;
  if (name == "cuda") {
    index = 0;
  } else if (name.starts_with("cuda:") && name.size() > 5 && name.size() <= 8 &&
             name.find_first_not_of("0123456789", 5) == std::string::npos) {
    index = std::stol(name.substr(5));
  }
  if (index < 0) throw UsageError("device '" + name + "' is unknown; expected cpu, cuda, cuda:N or auto");
  if (index >= devices) {
    throw UsageError("device '" + name + "' is not there: libtorch sees " + std::to_string(devices) + " CUDA devices");
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(index)};
}

}  // namespace llama4rec::tensor
