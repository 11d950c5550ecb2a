// The shape of a LLaMA transformer, and its config.json in the layout of Hugging Face. Free of libtorch, so that it can be fuzzed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/model_options.h"

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
  std::int64_t head_size = 0;        ///< dimensions of a head; 0: hidden / heads
  std::int64_t context = 0;
  double rope_theta = 10000;
  RotaryScaling rope_scaling;
  double norm_epsilon = 1e-5;
  bool tied = true;                   ///< the output matrix is the embedding
  bool query_key_value_bias = false;  ///< as Qwen2 has it
  double dropout = 0;                 ///< in training; not part of the original layout, kept under "llama4rec"
  std::int64_t begin_token = 1;
  std::vector<std::int64_t> end_tokens{2};  ///< each ends an answer; the first one is written behind training texts

  [[nodiscard]] std::int64_t head_dimension() const { return head_size != 0 ? head_size : hidden / heads; }
  [[nodiscard]] std::int64_t key_value_size() const { return key_value_heads * head_dimension(); }

  /// How prompts are framed (chat_template.h): "none" or a template's name, and the text of the system's part. Kept under "llama4rec".
  std::string chat_template = "none";
  std::string system_text;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// UsageError naming the option when the shape is impossible (heads that do not divide the width, an odd head).
ModelConfig make_config(const ModelOptions& options, std::int64_t vocabulary, std::int64_t begin_token,
                        std::vector<std::int64_t> end_tokens);

std::string config_to_json(const ModelConfig& config);
/// Number of weights of a model of this shape, tied output counted once.
std::int64_t parameter_count(const ModelConfig& config);

/// Reads "llama", "qwen2" and "mistral" models. Checks every value; DataError names the file, the key and what was expected. Features that
/// we lack (other rotary scalings, other activations, biases elsewhere) are refused, not ignored; a sliding window bounds the context.
ModelConfig config_from_json(const std::string& text, const std::string& file);

/// Adds the end tokens of a generation_config.json (chat models name more of them there).
void add_generation_config(const std::string& text, const std::string& file, ModelConfig& config);
std::string generation_config_to_json(const ModelConfig& config);

}  // namespace llama4rec::llm
