// The shape of a LLaMA transformer, and its config.json in the layout of Hugging Face.
#pragma once

#include <cstdint>
#include <string>

#include "llm/embedded_llm.h"

namespace llama4rec::llm {

/// Slower rotation of the low frequencies, so that a model reads on behind the context it was pre-trained with ("llama3" of Hugging
/// Face's config.json). A wavelength above original_context / low_frequency_factor is stretched by `factor`, one below
/// original_context / high_frequency_factor kept, those between blended.
struct RotaryScaling {
  double factor = 1;  ///< 1: none
  double low_frequency_factor = 1;
  double high_frequency_factor = 4;
  std::int64_t original_context = 8192;

  friend bool operator==(const RotaryScaling&, const RotaryScaling&) = default;
};

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
  RotaryScaling rope_scaling;
  double norm_epsilon = 1e-5;
  bool tied = true;                   ///< the output matrix is the embedding
  bool query_key_value_bias = false;  ///< as Qwen2 has it
  double dropout = 0;                 ///< in training; not part of the original layout, kept under "llama4rec"
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
/// Number of weights of a model of this shape, tied output counted once.
std::int64_t parameter_count(const ModelConfig& config);

/// Reads "llama" and "qwen2" models. Checks every value; DataError names the file, the key and what was expected. Features that we lack
/// (other rotary scalings, other activations, sliding windows, biases elsewhere) are refused, not ignored.
ModelConfig config_from_json(const std::string& json, const std::string& file);

}  // namespace llama4rec::llm
