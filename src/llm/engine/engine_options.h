// How the embedded model answers.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::llm {

struct EngineOptions {
  std::string precision = "auto";       ///< see precision.h
  std::int64_t cache_megabytes = 1024;  ///< most memory of keys and values
  std::int64_t step_tokens = 2048;      ///< tokens that are read at once, more or less
  std::int64_t most_sequences = 256;    ///< that are answered at a time
  std::int64_t workers = 0;  ///< engines side by side, one thread each; 0: as many as threads for small models, else 1
  bool share_prefixes = true;  ///< off, for comparisons: every request reads its whole prompt
  bool jump_forward = true;    ///< off, for comparisons: forced tokens are read one by one

  void declare(config::OptionVisitor& visit);  // "llm.precision", ...
};

}  // namespace llama4rec::llm
