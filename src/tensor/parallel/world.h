// Several processes that train one model: sums and gatherings over all of them (libtorch's c10d).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tensor/parallel/placement.h"
#include "tensor/parallel/share.h"
#include "tensor/torch.h"

namespace llama4rec::tensor {

/// All processes call the same functions in the same order. A process that stops, or does not answer in time, ends every call of the others
/// with a RemoteError. Alone (the default) every call returns at once.
class World {
 public:
  World();
  /// Waits for all processes. Gloo for tensors on the CPU, NCCL for those on GPUs where libtorch has it.
  World(const Placement& placement, const torch::Device& device, std::int64_t timeout_seconds);
  ~World();
  World(World&& other) noexcept;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  World& operator=(World&&) = delete;

  [[nodiscard]] int rank() const { return placement_.rank; }
  [[nodiscard]] int size() const { return placement_.size; }
  /// The process that speaks and writes for all.
  [[nodiscard]] bool leads() const { return placement_.rank == 0; }

  /// What this process does of `things` that stand in the same order in all.
  [[nodiscard]] Share own_share(std::size_t things) const {
    return share_of(things, static_cast<std::size_t>(placement_.rank), static_cast<std::size_t>(placement_.size));
  }

  /// Sum over all processes, in place; on any device.
  void sum(torch::Tensor values) const;
  [[nodiscard]] double sum(double value) const;
  /// This process's part of the sum of `full` [size * part] -> own [part]; `full` is left with other content. Gloo has no such operation and
  /// sums everything.
  void sum_own_part(torch::Tensor full, torch::Tensor own) const;
  /// All parts side by side: own [part] -> full [size * part]. `own` may be the part of `full` in its place.
  void gather(const torch::Tensor& own, torch::Tensor full) const;
  /// Everybody's values side by side, on any device: [count] -> [size * count].
  [[nodiscard]] torch::Tensor gathered(const torch::Tensor& values) const;
  /// DataError in every process where one has other `facts` than the leading one: `what` says what they are. Before the first step.
  void agree(const std::string& facts, const std::string& what) const;
  /// Waits until all are here.
  void meet() const;

 private:
  struct Group;
  template <class Call>
  void run(const char* what, const Call& call) const;

  Placement placement_;
  std::unique_ptr<Group> group_;
};

}  // namespace llama4rec::tensor
