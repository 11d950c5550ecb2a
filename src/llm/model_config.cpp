#include "llm/model_config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"

namespace llama4rec::llm {
namespace {

using nlohmann::ordered_json;

/// Why a shape is impossible; empty when it is fine.
std::string fault(const ModelConfig& config) {
  if (config.hidden % config.heads != 0) {
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

/// Reads checked values out of a config.json, or out of an object in it.
class Reader {
 public:
  Reader(ordered_json object, std::string file, std::string path = "")
      : file_(std::move(file)), path_(std::move(path)), object_(std::move(object)) {
    if (!object_.is_object()) {
      throw DataError({.file = file_}, path_.empty() ? "expected a JSON object"
                                                     : fmt::format("key \"{}\": expected a JSON object", path_));
    }
  }

  [[nodiscard]] bool has(const char* key) const { return !find(key).is_null(); }
  [[nodiscard]] Reader object(const char* key) const { return {find(key), file_, path_ + key + "."}; }

  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t minimum, std::int64_t maximum,
                                     std::int64_t fallback) const {
    const auto value = find(key);
    if (value.is_null() && fallback >= 0) return fallback;
    if (!value.is_number_integer() || value < minimum || value > maximum) {
      fail(key, fmt::format("an integer from {} to {}", minimum, maximum));
    }
    return value.get<std::int64_t>();
  }
  /// Without `fallback` (NaN) the key must be there.
  [[nodiscard]] double number(const char* key, double minimum, double maximum,
                              double fallback = std::numeric_limits<double>::quiet_NaN()) const {
    const auto value = find(key);
    if (value.is_null() && !std::isnan(fallback)) return fallback;
    if (!value.is_number() || !(value >= minimum && value <= maximum)) {
      fail(key, fmt::format("a number from {} to {}", minimum, maximum));
    }
    return value.get<double>();
  }
  [[nodiscard]] bool boolean(const char* key, bool fallback) const {
    const auto value = find(key);
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) fail(key, "true or false");
    return value.get<bool>();
  }
  /// One of `choices`; the first where the key is missing.
  [[nodiscard]] std::string one_of(const char* key, const std::vector<std::string>& choices) const {
    const auto value = find(key);
    if (value.is_null()) return choices.front();
    if (!value.is_string() || std::find(choices.begin(), choices.end(), value.get<std::string>()) == choices.end()) {
      fail(key, fmt::format("{} (nothing else is supported)", fmt::join(choices, " or ")));
    }
    return value.get<std::string>();
  }
  /// The key is missing, null, or has the one value that we support.
  void expect(const char* key, const ordered_json& only) const {
    const auto value = find(key);
    if (!value.is_null() && value != only) fail(key, only.dump() + " (nothing else is supported)");
  }
  [[noreturn]] void fail(const char* key, const std::string& expected) const {
    const auto value = find(key);
    throw DataError({.file = file_}, fmt::format("key \"{}{}\" is {}, expected {}", path_, key,
                                                 value.is_null() ? "missing" : value.dump(), expected));
  }

 private:
  [[nodiscard]] ordered_json find(const char* key) const {
    return object_.contains(key) ? object_[key] : ordered_json();
  }
  std::string file_;
  std::string path_;  ///< of the object in the document, with a dot behind it; empty for the document
  ordered_json object_;
};

/// "default" or "llama3"; older files call the key "type".
RotaryScaling read_scaling(const Reader& reader) {
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
  return scaling;
}

}  // namespace

ModelConfig make_config(const ModelOptions& options, std::int64_t vocabulary, std::int64_t begin_token,
                        std::int64_t end_token) {
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
                     .end_token = end_token};
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
                           {"eos_token_id", config.end_token},
                           {"initializer_range", 0.02},
                           {"torch_dtype", "float32"},
                           {"llama4rec", {{"dropout", config.dropout}}}};
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

ModelConfig config_from_json(const std::string& json, const std::string& file) {
  const Reader reader(parse_json<ordered_json>(json, file), file);
  const bool qwen = reader.one_of("model_type", {"llama", "qwen2"}) == "qwen2";
  reader.expect("hidden_act", "silu");
  reader.expect("attention_bias", false);
  reader.expect("mlp_bias", false);
  reader.expect("use_sliding_window", false);
  ModelConfig config;
  config.vocabulary = reader.integer("vocab_size", 1, 10'000'000, -1);
  config.hidden = reader.integer("hidden_size", 2, 1'000'000, -1);
  config.intermediate = reader.integer("intermediate_size", 1, 10'000'000, -1);
  config.layers = reader.integer("num_hidden_layers", 1, 10'000, -1);
  config.heads = reader.integer("num_attention_heads", 1, 100'000, -1);
  config.key_value_heads = reader.integer("num_key_value_heads", 1, config.heads, config.heads);
  config.context = reader.integer("max_position_embeddings", 1, 100'000'000, -1);
  config.norm_epsilon = reader.number("rms_norm_eps", 0, 1, 1e-6);
  config.rope_theta = reader.number("rope_theta", 1, 1e12, 10000);
  if (reader.has("rope_scaling")) config.rope_scaling = read_scaling(reader.object("rope_scaling"));
  if (reader.has("rope_parameters")) {  // where newer files have both
    const Reader rotary = reader.object("rope_parameters");
    config.rope_theta = rotary.number("rope_theta", 1, 1e12, config.rope_theta);
    config.rope_scaling = read_scaling(rotary);
  }
  config.query_key_value_bias = qwen;
  config.tied = reader.boolean("tie_word_embeddings", false);
  if (reader.has("llama4rec")) config.dropout = reader.object("llama4rec").number("dropout", 0, 0.99, 0);
  config.begin_token = reader.integer("bos_token_id", 0, config.vocabulary - 1, 1);
  config.end_token = reader.integer("eos_token_id", 0, config.vocabulary - 1, 2);
  if (const auto why = fault(config); !why.empty()) throw DataError({.file = file}, why);
  reader.expect("head_dim", config.head_dimension());
  return config;
}

}  // namespace llama4rec::llm
