// Shapes of models to measure, by name or in figures. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "llm/model_config.h"
#include "llm/model_options.h"

namespace llama4rec::llm {

struct BenchShape {
  std::string name;
  ModelOptions options;  ///< without dropout
  bool tied = true;      ///< the output matrix is the embedding

  [[nodiscard]] ModelConfig config() const;
};

/// S6, S110 and L1100: some 6, 110 and 1100 million weights.
const std::vector<BenchShape>& known_shapes();

/// A name, in any case, or figures such as "hidden:64,layers:2,heads:2": the options llm.hidden and so on with their defaults, but 8/3 of
/// hidden for intermediate, a head for 64 of hidden, as many key/value heads as heads, a context of 4096, no dropout. UsageError says what is wrong.
BenchShape parse_shape(const std::string& text);

}  // namespace llama4rec::llm
