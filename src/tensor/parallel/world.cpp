#include "tensor/parallel/world.h"

#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "core/digest.h"

namespace llama4rec::tensor {
namespace {

using torch::Tensor;

#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;
#else
using Backend = c10d::ProcessGroup;
#endif

/// The first line of libtorch's message, without where in its sources.
std::string first_line(const std::exception& problem) {
  const std::string text = problem.what();
  return text.substr(0, text.find('\n'));
}

c10::intrusive_ptr<Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const Placement& placement,
                                      std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->threads = 2;
  const bool one_machine = placement.address == "127.0.0.1" || placement.address == "localhost";
  options->devices.push_back(one_machine ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                         : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, placement.rank, placement.size, options);
}

}  // namespace

struct World::Group {
  c10::intrusive_ptr<Backend> backend;
  bool scatters = false;  ///< has reduce-scatter and gathers into one tensor (NCCL)
  torch::Device device = torch::kCPU;
};

World::World() = default;
World::~World() = default;
World::World(World&& other) noexcept = default;

World::World(const Placement& placement, const torch::Device& device, std::int64_t timeout_seconds)
    : placement_(placement) {
  if (placement.size == 1) return;
  const std::chrono::milliseconds timeout = std::chrono::seconds(timeout_seconds);
  run("meeting the other processes", [&] {
    c10d::TCPStoreOptions options;
    options.port = placement.port;
    options.isServer = placement.rank == 0;
    options.numWorkers = static_cast<std::size_t>(placement.size);
    options.timeout = timeout;
    const auto store = c10::make_intrusive<c10d::TCPStore>(placement.address, options);
    auto group = std::make_unique<Group>();
    group->device = device;
    if (device.is_cpu()) {
      group->backend = make_gloo(store, placement, timeout);
    } else {
#ifdef USE_C10D_NCCL
      // So that waiting ends when another process is gone; read when the group is made.
      for (const char* name : {"NCCL_BLOCKING_WAIT", "TORCH_NCCL_BLOCKING_WAIT"}) ::setenv(name, "1", 0);
      const auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = timeout;
      group->backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, placement.rank, placement.size, nccl);
      group->scatters = true;
#else
      throw UsageError("this build of libtorch has no NCCL: several processes train on the CPU only");
#endif
    }
    group_ = std::move(group);
  });
}

template <class Call>
void World::run(const char* what, const Call& call) const {
  try {
    call();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw RemoteError(
        fmt::format("rank {} of {}: {} failed, because another process has stopped or cannot be reached ({}); "
                    "start all of them again; training goes on from the last state that was kept",
                    placement_.rank, placement_.size, what, first_line(problem)));
  }
}

void World::sum(Tensor values) const {
  if (!group_ || values.numel() == 0) return;
  run("a sum over all processes", [&] {
    std::vector<Tensor> tensors{values.to(group_->device)};
    group_->backend->allreduce(tensors)->wait();
    if (values.device() != group_->device) values.copy_(tensors.front());
  });
}

Tensor World::gathered(const Tensor& values) const {
  if (!group_) return values;
  auto all = torch::zeros({values.numel() * placement_.size}, values.options()).to(group_->device);
  gather(values.to(group_->device), all);
  return all.to(values.device());
}

double World::sum(double value) const {
  if (!group_) return value;
  const auto values = torch::full({1}, value, torch::kFloat64);
  sum(values);
  return values.item<double>();
}

void World::sum_own_part(Tensor full, Tensor own) const {
  const auto part = own.numel();
  if (group_ && group_->scatters) {
#ifdef USE_C10D_NCCL
    run("a sum over all processes", [&] { group_->backend->_reduce_scatter_base(own, full)->wait(); });
#endif
    return;
  }
  sum(full);
  own.copy_(full.narrow(0, part * placement_.rank, part));
}

void World::gather(const Tensor& own, Tensor full) const {
  const auto part = own.numel();
  if (!group_) {
    if (full.data_ptr() != own.data_ptr()) full.copy_(own);
    return;
  }
  run("gathering from all processes", [&] {
    if (group_->scatters) {
      auto input = own;
      group_->backend->_allgather_base(full, input)->wait();
      return;
    }
    std::vector<std::vector<Tensor>> outputs(1);
    for (std::int64_t rank = 0; rank < placement_.size; ++rank) {
      outputs.front().push_back(full.narrow(0, rank * part, part));
    }
    std::vector<Tensor> inputs{own};
    group_->backend->allgather(outputs, inputs)->wait();
  });
}

void World::agree(const std::string& facts, const std::string& what) const {
  if (!group_) return;
  constexpr std::size_t kDigits = 15;  // of base 16: 60 bits
  const auto own = static_cast<std::int64_t>(std::stoull(sha256(facts).substr(0, kDigits), nullptr, 16));
  const auto all = gathered(torch::full({1}, own, torch::kInt64));
  for (std::int64_t rank = 1; rank < placement_.size; ++rank) {
    if (all[rank].item<std::int64_t>() == all[0].item<std::int64_t>()) continue;
    throw DataError(
        fmt::format("the {} processes do not agree: rank {} has other {} than rank 0; start all with the "
                    "same command, on files that all of them see",
                    placement_.size, rank, what));
  }
}

void World::meet() const { (void)sum(0.0); }

}  // namespace llama4rec::tensor
