// The shape of a LLaMA transformer, and its config.json in the layout of Hugging Face.
#pragma once

#include <cstdint>
#include <string>

#include "llm/embedded_llm.h"

namespace llama4rec::llm {

/// Everything that fixes the arithmetic besides the weights.
struct ModelConfig {
  std::int64_t vocabulary = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t key_value_heads = 0;  ///< each serves heads / key_value_heads query heads
  std::int64_t context = 0;
  double rope_theta = 10000;
  double norm_epsilon = 1e-5;
  bool tied = true;    ///< the output matrix is the embedding
  double dropout = 0;  ///< in training; not part of the original layout, kept under "llama4rec"
  std::int64_t begin_token = 1;
  std::int64_t end_token = 2;

  [[nodiscard]] std::int64_t head_dimension() const { return hidden / heads; }
  [[nodiscard]] std::int64_t key_value_size() const { return key_value_heads * head_dimension(); }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// UsageError naming the option when the shape is impossible (heads that do not divide the width, an odd head).
ModelConfig make_config(const ModelOptions& options, std::int64_t vocabulary, std::int64_t begin_token,
                        std::int64_t end_token);

std::string config_to_json(const ModelConfig& config);
/// Checks every value; DataError names the file, the key and what was expected. Features that we lack (rope scaling, biases, other
/// activations) are refused, not ignored.
ModelConfig config_from_json(const std::string& json, const std::string& file);

}  // namespace llama4rec::llm
