#include "llm/checkpoint.h"

#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/json_reader.h"
#include "llm/tokenizer_files.h"
#include "llm/weight_files.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using TensorMap = std::map<std::string, Tensor>;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kGenerationFile = "generation_config.json";
constexpr std::uintmax_t kLargestConfig = 1 << 20;  // bytes

/// Views of the model's weights by standard name.
TensorMap named_views(const Transformer& model) {
  const torch::NoGradGuard no_grad;
  const auto& config = model.config();
  const auto query = config.heads * config.head_dimension();
  const auto key_value = config.key_value_size();
  TensorMap views;
  for (const auto& [name, parameter] : model.parameters()) {
    const auto weight = parameter.detach();
    if (name == "embedding") views["model.embed_tokens.weight"] = weight;
    if (name == "norm") views["model.norm.weight"] = weight;
    if (name == "head") views["lm_head.weight"] = weight;
    if (!name.starts_with("blocks.")) continue;
    const auto dot = name.find('.', 7);
    const auto prefix = "model.layers." + name.substr(7, dot - 7) + ".";
    const auto part = name.substr(dot + 1);
    if (part == "attention_norm") views[prefix + "input_layernorm.weight"] = weight;
    if (part == "feed_forward_norm") views[prefix + "post_attention_layernorm.weight"] = weight;
    if (part == "attention_output") views[prefix + "self_attn.o_proj.weight"] = weight;
    if (part == "down") views[prefix + "mlp.down_proj.weight"] = weight;
    if (part == "query_key_value") {
      views[prefix + "self_attn.q_proj.weight"] = weight.narrow(0, 0, query);
      views[prefix + "self_attn.k_proj.weight"] = weight.narrow(0, query, key_value);
      views[prefix + "self_attn.v_proj.weight"] = weight.narrow(0, query + key_value, key_value);
    }
    if (part == "query_key_value_bias") {
      views[prefix + "self_attn.q_proj.bias"] = weight.narrow(0, 0, query);
      views[prefix + "self_attn.k_proj.bias"] = weight.narrow(0, query, key_value);
      views[prefix + "self_attn.v_proj.bias"] = weight.narrow(0, query + key_value, key_value);
    }
    if (part == "gate_up") {
      views[prefix + "mlp.gate_proj.weight"] = weight.narrow(0, 0, config.intermediate);
      views[prefix + "mlp.up_proj.weight"] = weight.narrow(0, config.intermediate, config.intermediate);
    }
  }
  return views;
}

/// The tensors that a model of this shape has, tied output left out.
std::map<std::string, std::vector<std::int64_t>> expected_shapes(const ModelConfig& config) {
  const auto query = config.heads * config.head_dimension();
  const auto key_value = config.key_value_size();
  const auto hidden = config.hidden;
  std::map<std::string, std::vector<std::int64_t>> shapes{{"model.embed_tokens.weight", {config.vocabulary, hidden}},
                                                          {"model.norm.weight", {hidden}}};
  if (!config.tied) shapes["lm_head.weight"] = {config.vocabulary, hidden};
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const auto prefix = fmt::format("model.layers.{}.", layer);
    shapes[prefix + "input_layernorm.weight"] = {hidden};
    shapes[prefix + "post_attention_layernorm.weight"] = {hidden};
    shapes[prefix + "self_attn.q_proj.weight"] = {query, hidden};
    shapes[prefix + "self_attn.k_proj.weight"] = {key_value, hidden};
    shapes[prefix + "self_attn.v_proj.weight"] = {key_value, hidden};
    shapes[prefix + "self_attn.o_proj.weight"] = {hidden, query};
    shapes[prefix + "mlp.gate_proj.weight"] = {config.intermediate, hidden};
    shapes[prefix + "mlp.up_proj.weight"] = {config.intermediate, hidden};
    shapes[prefix + "mlp.down_proj.weight"] = {hidden, config.intermediate};
    if (!config.query_key_value_bias) continue;
    shapes[prefix + "self_attn.q_proj.bias"] = {query};
    shapes[prefix + "self_attn.k_proj.bias"] = {key_value};
    shapes[prefix + "self_attn.v_proj.bias"] = {key_value};
  }
  return shapes;
}

/// Every tensor is there with its shape and a floating type, and no other one: known from the headers, before the model is made.
void check_weights(const ModelConfig& config, const WeightFiles& weights) {
  const auto shapes = expected_shapes(config);
  for (const auto& [name, shape] : shapes) {
    const auto found = weights.entries().find(name);
    if (found == weights.entries().end()) {
      throw DataError({.file = weights.origin()},
                      fmt::format("tensor \"{}\" is missing, which config.json asks for", name));
    }
    const auto& [name_in_file, entry] = *found;
    const auto& header = *entry.header;
    if (header.shape != shape) {
      throw DataError({.file = weights.name_of(entry)},
                      fmt::format("tensor \"{}\" has the shape [{}], config.json asks for [{}]", name,
                                  fmt::join(header.shape, ", "), fmt::join(shape, ", ")));
    }
    if (!torch::isFloatingType(tensor::scalar_type(header.type))) {
      throw DataError({.file = weights.name_of(entry)},
                      fmt::format("tensor \"{}\" holds no floating-point numbers ({})", name, header.type));
    }
  }
  for (const auto& [name, entry] : weights.entries()) {
    const bool derived = name.ends_with("rotary_emb.inv_freq");  // old checkpoints store it; it follows from the shape
    const bool copy_of_embedding = config.tied && name == "lm_head.weight";
    if (!derived && !copy_of_embedding && !shapes.contains(name)) {
      throw DataError({.file = weights.name_of(entry)},
                      fmt::format("unknown tensor {}", describe(nlohmann::json(name))));
    }
  }
}

}  // namespace

TensorMap standard_tensors(const Transformer& model) {
  auto tensors = named_views(model);
  for (auto& [name, tensor] : tensors) tensor = tensor.cpu().contiguous();
  return tensors;
}

void write_checkpoint(const std::filesystem::path& folder, const Transformer& model, const Tokenizer& tokenizer,
                      std::int64_t shard_bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  std::filesystem::remove(folder / kConfigFile, error);            // a half-replaced folder must not look whole
  std::filesystem::remove(folder / "adapter_config.json", error);  // others would put what lay here before on top
  write_weight_files(folder, standard_tensors(model), shard_bytes);
  write_tokenizer(folder, tokenizer, model.config());
  write_file_atomically(folder / kGenerationFile, generation_config_to_json(model.config()));
  write_file_atomically(folder / kConfigFile, config_to_json(model.config()));
}

ModelConfig read_checkpoint_config(const std::filesystem::path& folder) {
  const auto file = folder / kConfigFile;
  auto config = config_from_json(read_bounded_file(file, kLargestConfig), file.string());
  if (const auto more = folder / kGenerationFile; std::filesystem::exists(more)) {
    add_generation_config(read_bounded_file(more, kLargestConfig), more.string(), config);
  }
  return config;
}

Transformer read_checkpoint(const std::filesystem::path& folder, const ModelConfig& config,
                            const torch::Device& device) {
  const WeightFiles weights(folder);
  check_weights(config, weights);
  Transformer model(config, std::nullopt, device);
  for (const auto& [name, view] : named_views(model)) weights.copy(weights.entries().at(name), view);
  return model;
}

}  // namespace llama4rec::llm
