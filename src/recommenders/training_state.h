// The state of a training on disk: what an interrupted fit needs to go on to the same bits.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include <llama4rec/recommender.h>

#include "tensor/torch.h"

namespace llama4rec::recommenders {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// Where the loop over epochs stands.
struct TrainingPosition {
  FitSummary summary;  ///< so far
  double best = -std::numeric_limits<double>::infinity();
  bool ended = false;  ///< no further epoch is due
};

/// Keeps states in the file of `checkpoint`, where it names one.
class StateKeeper {
 public:
  StateKeeper(std::string model, FitCheckpoint checkpoint);

  [[nodiscard]] bool enabled() const { return !checkpoint_.file.empty(); }
  struct Kept {
    TrainingPosition position;
    NamedTensors tensors;  ///< of the model, on the CPU
  };
  /// What the file holds; nothing where there is none. DataError for a damaged file, UsageError for one of another model or key.
  [[nodiscard]] std::optional<Kept> read() const;
  /// Whether a write now keeps within the share of time.
  [[nodiscard]] bool due() const;
  /// Tensors may live on any device; undefined ones are left out.
  void write(const TrainingPosition& position, const NamedTensors& tensors);

 private:
  std::string model_;
  FitCheckpoint checkpoint_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();  ///< end of the last write
  double cost_ = 0;                                                                ///< of the last write, in seconds
};

/// A tensor of a kept state, checked: its type, and its shape where a size of -1 stands for any. DataError otherwise.
torch::Tensor required_state(const NamedTensors& state, const std::string& name, torch::Dtype type,
                             std::initializer_list<std::int64_t> shape);

}  // namespace llama4rec::recommenders
