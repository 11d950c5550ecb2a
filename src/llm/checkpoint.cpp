#include "llm/checkpoint.h"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/json_text.h"
#include "tensor/safetensors.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using TensorMap = std::map<std::string, Tensor>;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kTokenizerFile = "tokenizer.model";

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

TensorMap read_weights(const std::filesystem::path& folder) {
  const auto single = folder / kWeightsFile;
  const auto index_file = folder / kIndexFile;
  if (std::filesystem::exists(single) || !std::filesystem::exists(index_file)) {
    return tensor::read_safetensors(single).tensors;
  }
  const auto index = parse_json(read_file(index_file), index_file.string());
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw DataError({.file = index_file.string()}, "expected a JSON object with \"weight_map\"");
  }
  std::set<std::string> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string() || std::filesystem::path(shard.get<std::string>()).filename() != shard.get<std::string>()) {
      throw DataError({.file = index_file.string()}, fmt::format("\"{}\" does not name a file of this folder", name));
    }
    shards.insert(shard.get<std::string>());
  }
  TensorMap all;
  for (const auto& shard : shards) all.merge(tensor::read_safetensors(folder / shard).tensors);
  return all;
}

}  // namespace

TensorMap standard_tensors(const Transformer& model) {
  auto tensors = named_views(model);
  for (auto& [name, tensor] : tensors) tensor = tensor.cpu().contiguous();
  return tensors;
}

void assign_standard_tensors(Transformer& model, const TensorMap& tensors, const std::string& origin) {
  const torch::NoGradGuard no_grad;
  auto views = named_views(model);
  for (const auto& [name, tensor] : tensors) {
    const bool derived = name.ends_with("rotary_emb.inv_freq");  // old checkpoints store it; it follows from the shape
    const bool copy_of_embedding = model.config().tied && name == "lm_head.weight";
    if (!derived && !copy_of_embedding && !views.contains(name)) {
      throw DataError({.file = origin}, fmt::format("unknown tensor \"{}\"", name));
    }
  }
  for (auto& [name, view] : views) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw DataError({.file = origin}, fmt::format("tensor \"{}\" is missing", name));
    if (found->second.sizes() != view.sizes()) {
      throw DataError({.file = origin},
                      fmt::format("tensor \"{}\" has the shape [{}], config.json asks for [{}]", name,
                                  fmt::join(found->second.sizes(), ", "), fmt::join(view.sizes(), ", ")));
    }
    if (!found->second.is_floating_point()) {
      throw DataError({.file = origin}, fmt::format("tensor \"{}\" holds no floating-point numbers", name));
    }
    view.copy_(found->second);
  }
}

void write_checkpoint(const std::filesystem::path& folder, const Transformer& model,
                      const std::string& serialized_tokenizer) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  std::filesystem::remove(folder / kConfigFile, error);  // a half-replaced folder must not look whole
  tensor::write_safetensors(folder / kWeightsFile,
                            {.tensors = standard_tensors(model), .metadata = {{"format", "pt"}}});
  write_file_atomically(folder / kTokenizerFile, serialized_tokenizer);
  write_file_atomically(folder / kConfigFile, config_to_json(model.config()));
}

Transformer read_checkpoint(const std::filesystem::path& folder, const torch::Device& device) {
  const auto file = folder / kConfigFile;
  const auto config = config_from_json(read_file(file), file.string());
  // The weights are read first: their file's size bounds what a damaged config.json can make us allocate.
  const auto tensors = read_weights(folder);
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : tensors) numbers += tensor.numel();
  // First what bounds each factor, so that the count cannot overflow. A single missing tensor is named later.
  if (config.vocabulary > numbers / config.hidden || config.hidden > numbers / config.hidden ||
      config.intermediate > numbers / config.hidden || config.layers > static_cast<std::int64_t>(tensors.size()) ||
      parameter_count(config) / 2 > numbers) {
    throw DataError({.file = file.string()}, "describes a model that is larger than the weights beside it");
  }
  Transformer model(config, 0, device);
  assign_standard_tensors(model, tensors, (folder / kWeightsFile).string());
  return model;
}

}  // namespace llama4rec::llm
