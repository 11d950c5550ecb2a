#include "llm/model_config.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "llm/json_reader.h"

namespace llama4rec::llm {
namespace {

using nlohmann::ordered_json;

/// Why a shape is impossible; empty when it is fine.
std::string fault(const ModelConfig& config) {
  if (config.head_size == 0 && config.hidden % config.heads != 0) {
    return fmt::format("hidden size {} is not a multiple of {} heads", config.hidden, config.heads);
  }
  if (config.head_dimension() % 2 != 0) {
    return fmt::format("a head has {} dimensions, expected an even number", config.head_dimension());
  }
  if (config.heads % config.key_value_heads != 0) {
    return fmt::format("{} heads are not a multiple of {} key/value heads", config.heads, config.key_value_heads);
  }
  // The table of rotations is made at once.
  constexpr std::int64_t kMostAngles = std::int64_t{1} << 28;
  if (config.context > kMostAngles / config.head_dimension()) {
    return fmt::format("a context of {} with heads of {} dimensions, expected a product of at most {}", config.context,
                       config.head_dimension(), kMostAngles);
  }
  return "";
}

ordered_json to_json(const RotaryScaling& scaling) {
  if (scaling.factor == 1) return nullptr;
  return {{"rope_type", "llama3"},
          {"factor", scaling.factor},
          {"low_freq_factor", scaling.low_frequency_factor},
          {"high_freq_factor", scaling.high_frequency_factor},
          {"original_max_position_embeddings", scaling.original_context}};
}

/// "default" or "llama3"; older files call the key "type".
RotaryScaling read_scaling(const JsonReader& reader) {
  const char* key = reader.has("rope_type") ? "rope_type" : "type";
  if (reader.one_of(key, {"default", "llama3"}) == "default") {
    reader.expect("factor", 1.0);
    return {};
  }
  constexpr double kMost = 1e6;
  RotaryScaling scaling{.factor = reader.number("factor", 1, kMost),
                        .low_frequency_factor = reader.number("low_freq_factor", 1e-3, kMost),
                        .high_frequency_factor = reader.number("high_freq_factor", 1e-3, kMost),
                        .original_context = reader.integer("original_max_position_embeddings", 1, 100'000'000, -1)};
  if (scaling.high_frequency_factor <= scaling.low_frequency_factor) {
    reader.fail("high_freq_factor", "more than low_freq_factor");
  }
  if (scaling.factor == 1) return {};  // changes no angle
  return scaling;
}

/// A number or a list of numbers; empty where the key is missing.
std::vector<std::int64_t> read_end_tokens(const JsonReader& reader, std::int64_t vocabulary) {
  constexpr const char* kKey = "eos_token_id";
  constexpr std::size_t kMost = 1000;
  if (!reader.value(kKey).is_array()) {
    if (!reader.has(kKey)) return {};
    return {reader.integer(kKey, 0, vocabulary - 1, -1)};
  }
  std::vector<std::int64_t> tokens;
  for (const auto& value : reader.value(kKey)) {
    if (!value.is_number_integer() || value < 0 || value >= vocabulary || tokens.size() == kMost) {
      reader.fail(kKey, fmt::format("a token or a list of tokens from 0 to {}", vocabulary - 1));
    }
    const auto token = value.get<std::int64_t>();
    if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
  }
  return tokens;
}

/// A single token as a number, as most files have it.
ordered_json end_tokens_to_json(const std::vector<std::int64_t>& tokens) {
  if (tokens.size() == 1) return tokens.front();
  return tokens;
}

}  // namespace

ModelConfig make_config(const ModelOptions& options, std::int64_t vocabulary, std::int64_t begin_token,
                        std::vector<std::int64_t> end_tokens) {
  ModelConfig config{.vocabulary = vocabulary,
                     .hidden = options.hidden,
                     .intermediate = options.intermediate,
                     .layers = options.layers,
                     .heads = options.heads,
                     .key_value_heads = options.key_value_heads,
                     .context = options.context,
                     .rope_theta = options.rope_theta,
                     .dropout = options.dropout,
                     .begin_token = begin_token,
                     .end_tokens = std::move(end_tokens)};
  if (const auto why = fault(config); !why.empty()) throw UsageError("llm options: " + why);
  return config;
}

std::string config_to_json(const ModelConfig& config) {
  const bool qwen = config.query_key_value_bias;
  ordered_json document = {{"architectures", {qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
                           {"model_type", qwen ? "qwen2" : "llama"},
                           {"vocab_size", config.vocabulary},
                           {"hidden_size", config.hidden},
                           {"intermediate_size", config.intermediate},
                           {"num_hidden_layers", config.layers},
                           {"num_attention_heads", config.heads},
                           {"num_key_value_heads", config.key_value_heads},
                           {"max_position_embeddings", config.context},
                           {"rms_norm_eps", config.norm_epsilon},
                           {"rope_theta", config.rope_theta},
                           {"rope_scaling", to_json(config.rope_scaling)},
                           {"hidden_act", "silu"},
                           {"tie_word_embeddings", config.tied},
                           {"bos_token_id", config.begin_token},
                           {"eos_token_id", end_tokens_to_json(config.end_tokens)},
                           {"initializer_range", 0.02},
                           {"torch_dtype", "float32"},
                           {"llama4rec", {{"dropout", config.dropout}}}};
  if (config.chat_template != "none") {
    document["llama4rec"]["chat_template"] = config.chat_template;
    document["llama4rec"]["system_text"] = config.system_text;
  }
  if (config.head_size != 0) document["head_dim"] = config.head_size;
  if (!qwen) document["attention_bias"] = document["mlp_bias"] = false;
  return document.dump(2) + "\n";
}

std::int64_t parameter_count(const ModelConfig& config) {
  const std::int64_t query = config.heads * config.head_dimension();
  const std::int64_t joint = query + 2 * config.key_value_size();
  const std::int64_t block = joint * config.hidden + (config.query_key_value_bias ? joint : 0) + config.hidden * query +
                             3 * config.hidden * config.intermediate + 2 * config.hidden;
  return (config.tied ? 1 : 2) * config.vocabulary * config.hidden + config.layers * block + config.hidden;
}

ModelConfig config_from_json(const std::string& text, const std::string& file) {
  const auto document = parse_json(text, file);
  const JsonReader reader(document, file);
  const auto type = reader.one_of("model_type", {"llama", "qwen2", "mistral"});
  reader.expect("hidden_act", "silu");
  reader.expect("attention_bias", false);
  reader.expect("mlp_bias", false);
  reader.expect("quantization_config", nullptr);
  ModelConfig config;
  config.vocabulary = reader.integer("vocab_size", 1, 10'000'000, -1);
  config.hidden = reader.integer("hidden_size", 2, 1'000'000, -1);
  config.intermediate = reader.integer("intermediate_size", 1, 10'000'000, -1);
  config.layers = reader.integer("num_hidden_layers", 1, 10'000, -1);
  config.heads = reader.integer("num_attention_heads", 1, 100'000, -1);
  config.key_value_heads = reader.integer("num_key_value_heads", 1, config.heads, config.heads);
  config.head_size = reader.integer("head_dim", 1, 65'536, 0);
  if (config.head_size * config.heads == config.hidden) config.head_size = 0;
  config.context = reader.integer("max_position_embeddings", 1, 100'000'000, -1);
  // Up to the window's length, attention in a window is attention over everything. Mistral's null stands for no window.
  if (reader.boolean("use_sliding_window", false) || (type == "mistral" && reader.has("sliding_window"))) {
    config.context = std::min(config.context, reader.integer("sliding_window", 1, 100'000'000, -1));
  }
  config.norm_epsilon = reader.number("rms_norm_eps", 0, 1, 1e-6);
  config.rope_theta = reader.number("rope_theta", 1, 1e12, 10000);
  if (reader.has("rope_scaling")) config.rope_scaling = read_scaling(reader.object("rope_scaling"));
  if (reader.has("rope_parameters")) {  // where newer files have both
    const auto rotary = reader.object("rope_parameters");
    config.rope_theta = rotary.number("rope_theta", 1, 1e12, config.rope_theta);
    config.rope_scaling = read_scaling(rotary);
  }
  config.query_key_value_bias = type == "qwen2";
  config.tied = reader.boolean("tie_word_embeddings", false);
  if (reader.has("llama4rec")) {
    const auto own = reader.object("llama4rec");
    config.dropout = own.number("dropout", 0, 0.99, 0);
    config.chat_template = own.one_of("chat_template", {"none", "llama2", "llama3", "chatml"});
    if (config.chat_template != "none" && own.has("system_text")) config.system_text = own.text("system_text");
  }
  config.begin_token =
      reader.integer("bos_token_id", 0, config.vocabulary - 1, std::min<std::int64_t>(1, config.vocabulary - 1));
  config.end_tokens = read_end_tokens(reader, config.vocabulary);
  if (config.end_tokens.empty()) config.end_tokens = {std::min<std::int64_t>(2, config.vocabulary - 1)};
  if (const auto why = fault(config); !why.empty()) throw DataError({.file = file}, why);
  return config;
}

void add_generation_config(const std::string& text, const std::string& file, ModelConfig& config) {
  const auto document = parse_json(text, file);
  for (const auto token : read_end_tokens(JsonReader(document, file), config.vocabulary)) {
    if (std::find(config.end_tokens.begin(), config.end_tokens.end(), token) == config.end_tokens.end()) {
      config.end_tokens.push_back(token);
    }
  }
}

std::string generation_config_to_json(const ModelConfig& config) {
  const ordered_json document = {{"_from_model_config", true},
                                 {"bos_token_id", config.begin_token},
                                 {"eos_token_id", end_tokens_to_json(config.end_tokens)}};
  return document.dump(2) + "\n";
}

}  // namespace llama4rec::llm
