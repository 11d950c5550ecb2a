// Memory that measuring a shape takes, told before any of it is. Free of libtorch.
#pragma once

#include <cstdint>

#include "llm/engine/precision.h"
#include "llm/model_config.h"

namespace llama4rec::llm {

/// Bytes, about. The engine and training are not in memory at the same time.
struct MemoryNeed {
  double weights = 0;   ///< in float32
  double engine = 0;    ///< its packed copy of them
  double cache = 0;     ///< keys and values
  double training = 0;  ///< gradients, moments, copies, activations

  [[nodiscard]] double most() const;
};

/// `cached_tokens`: whose keys and values are held at a time. `training_tokens`: of an optimiser step, in sequences of `length`; 0: no training.
MemoryNeed memory_need(const ModelConfig& config, Precision precision, std::int64_t cached_tokens,
                       std::int64_t training_tokens, std::int64_t length);

}  // namespace llama4rec::llm
