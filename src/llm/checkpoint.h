// Checkpoint folders in the layout of Hugging Face LLaMA models: config.json, model.safetensors, the tokeniser (docs/checkpoints.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "llm/tokenizer.h"
#include "llm/transformer.h"
#include "llm/weight_files.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// The weights under their standard names (model.layers.0.self_attn.q_proj.weight, ...), fused ones taken apart.
std::map<std::string, torch::Tensor> standard_tensors(const Transformer& model);

/// Writes the folder, every file atomically, config.json last: a folder with config.json is whole. Weights of more than `shard_bytes` lie in
/// several files (weight_files.h).
void write_checkpoint(const std::filesystem::path& folder, const Transformer& model, const Tokenizer& tokenizer,
                      std::int64_t shard_bytes = kShardBytes);

/// config.json, and the end tokens of generation_config.json where there is one.
ModelConfig read_checkpoint_config(const std::filesystem::path& folder);

/// Reads the weights: model.safetensors, or the shards named by model.safetensors.index.json, of half or single precision. Names, shapes and
/// types are checked before the model is made; then tensor by tensor is copied out of the mapped files, so that memory holds the model
/// and nothing beside it. DataError names the file and the tensor.
Transformer read_checkpoint(const std::filesystem::path& folder, const ModelConfig& config,
                            const torch::Device& device);

}  // namespace llama4rec::llm
