// The options of a model that is made on the spot. Free of libtorch.
#pragma once

#include <cstdint>

#include "config/options.h"

namespace llama4rec::llm {

/// Shape of the model made on the spot.
struct ModelOptions {
  std::int64_t hidden = 96;
  std::int64_t intermediate = 256;
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t key_value_heads = 4;
  std::int64_t context = 1024;     ///< most tokens of prompt and answer
  std::int64_t vocabulary = 4000;  ///< most pieces of the tokeniser
  std::int64_t piece_length = 64;  ///< most characters of a piece: whole titles become one token
  double dropout = 0.2;
  double rope_theta = 10000;
  void declare(config::OptionVisitor& visit);  // "llm.hidden", ...
};

}  // namespace llama4rec::llm
