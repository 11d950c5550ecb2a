// Checkpoint folders in the layout of Hugging Face LLaMA models: config.json, model.safetensors, tokenizer.model.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "llm/transformer.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// The weights under their standard names (model.layers.0.self_attn.q_proj.weight, ...), fused ones taken apart.
std::map<std::string, torch::Tensor> standard_tensors(const Transformer& model);
/// Copies weights with standard names into the model, converting half precision. DataError naming `origin` and the tensor when
/// one is missing, has another shape or a type that is no float, or is unknown.
void assign_standard_tensors(Transformer& model, const std::map<std::string, torch::Tensor>& tensors,
                             const std::string& origin);

/// Writes the three files, each atomically, config.json last: a folder with config.json is whole.
void write_checkpoint(const std::filesystem::path& folder, const Transformer& model,
                      const std::string& serialized_tokenizer);
/// Reads config.json and the weights: model.safetensors, or the shards named by model.safetensors.index.json.
Transformer read_checkpoint(const std::filesystem::path& folder, const torch::Device& device);

}  // namespace llama4rec::llm
