// Options of several processes that train one model. Free of libtorch.
#pragma once

#include <cstdint>

#include "config/options.h"

namespace llama4rec::llm {

struct DistributedOptions {
  std::int64_t zero_stage = 1;                 ///< parameter_units.h
  std::int64_t timeout_seconds = 600;          ///< how long a process waits for the others
  void declare(config::OptionVisitor& visit);  // "distributed.zero_stage", ...
};

}  // namespace llama4rec::llm
