#include "llm/model_config.h"

#include <fmt/format.h>
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
  return "";
}

/// Reads checked values out of a config.json.
class Reader {
 public:
  Reader(const std::string& text, const std::string& file)
      : file_(file), document_(parse_json<ordered_json>(text, file)) {
    if (!document_.is_object()) throw DataError({.file = file}, "expected a JSON object");
  }

  std::int64_t integer(const char* key, std::int64_t minimum, std::int64_t maximum, std::int64_t fallback) const {
    const auto value = find(key);
    if (value.is_null() && fallback >= 0) return fallback;
    if (!value.is_number_integer() || value < minimum || value > maximum) {
      fail(key, fmt::format("an integer from {} to {}", minimum, maximum));
    }
    return value.get<std::int64_t>();
  }
  double number(const char* key, double minimum, double maximum, double fallback) const {
    const auto value = find(key);
    if (value.is_null()) return fallback;
    if (!value.is_number() || !(value >= minimum && value <= maximum)) {
      fail(key, fmt::format("a number from {} to {}", minimum, maximum));
    }
    return value.get<double>();
  }
  bool boolean(const char* key, bool fallback) const {
    const auto value = find(key);
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) fail(key, "true or false");
    return value.get<bool>();
  }
  /// The key is missing, null, or has the one value that we support.
  void expect(const char* key, const ordered_json& only) const {
    const auto value = find(key);
    if (!value.is_null() && value != only) fail(key, only.dump() + " (nothing else is supported)");
  }
  double dropout() const {
    const auto own = find("llama4rec");
    if (!own.is_object() || !own.contains("dropout")) return 0;
    const auto value = own["dropout"];
    if (!value.is_number() || !(value >= 0 && value < 1)) fail("llama4rec.dropout", "a number from 0 to below 1");
    return value.get<double>();
  }
  [[noreturn]] void fail(const std::string& key, const std::string& expected) const {
    const auto value = find(key.c_str());
    throw DataError({.file = file_}, fmt::format("key \"{}\" is {}, expected {}", key,
                                                 value.is_null() ? "missing" : value.dump(), expected));
  }

 private:
  [[nodiscard]] ordered_json find(const char* key) const {
    return document_.contains(key) ? document_[key] : ordered_json();
  }
  std::string file_;
  ordered_json document_;
};

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
  const ordered_json document = {{"architectures", {"LlamaForCausalLM"}},
                                 {"model_type", "llama"},
                                 {"vocab_size", config.vocabulary},
                                 {"hidden_size", config.hidden},
                                 {"intermediate_size", config.intermediate},
                                 {"num_hidden_layers", config.layers},
                                 {"num_attention_heads", config.heads},
                                 {"num_key_value_heads", config.key_value_heads},
                                 {"max_position_embeddings", config.context},
                                 {"rms_norm_eps", config.norm_epsilon},
                                 {"rope_theta", config.rope_theta},
                                 {"hidden_act", "silu"},
                                 {"attention_bias", false},
                                 {"mlp_bias", false},
                                 {"tie_word_embeddings", config.tied},
                                 {"bos_token_id", config.begin_token},
                                 {"eos_token_id", config.end_token},
                                 {"initializer_range", 0.02},
                                 {"torch_dtype", "float32"},
                                 {"llama4rec", {{"dropout", config.dropout}}}};
  return document.dump(2) + "\n";
}

ModelConfig config_from_json(const std::string& json, const std::string& file) {
  const Reader reader(json, file);
  reader.expect("model_type", "llama");
  reader.expect("hidden_act", "silu");
  reader.expect("attention_bias", false);
  reader.expect("mlp_bias", false);
  reader.expect("rope_scaling", ordered_json());
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
  config.tied = reader.boolean("tie_word_embeddings", false);
  config.dropout = reader.dropout();
  config.begin_token = reader.integer("bos_token_id", 0, config.vocabulary - 1, 1);
  config.end_token = reader.integer("eos_token_id", 0, config.vocabulary - 1, 2);
  if (const auto why = fault(config); !why.empty()) throw DataError({.file = file}, why);
  reader.expect("head_dim", config.head_dimension());
  return config;
}

}  // namespace llama4rec::llm
