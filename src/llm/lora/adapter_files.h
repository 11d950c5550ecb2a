// Adapter folders in the layout of PEFT: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>

#include "llm/lora/adapter_config.h"
#include "llm/lora/adapters.h"

namespace llama4rec::llm {

/// Whether the folder holds adapters and no model of its own.
bool is_adapter_folder(const std::filesystem::path& folder);

/// Writes both files atomically, adapter_config.json last: a folder that has it is whole.
void write_adapters(const std::filesystem::path& folder, const LoraAdapters& adapters,
                    const std::filesystem::path& base, const ChatOptions& chat);

/// DataError names file and key: another kind of adapters, one that changes what we do not know, a missing base.
AdapterConfig read_adapter_config(const std::filesystem::path& folder);

/// The adapters for a model of this shape. DataError names the file and the tensor that is missing, unknown or of another shape.
LoraAdapters read_adapters(const std::filesystem::path& folder, const AdapterConfig& adapter, const ModelConfig& config,
                           const torch::Device& device);

}  // namespace llama4rec::llm
