// adapter_config.json in PEFT's layout. Free of libtorch, so that it can be fuzzed.
#pragma once

#include <filesystem>
#include <string>

#include "llm/chat_template.h"
#include "llm/lora/lora_options.h"

namespace llama4rec::llm {

/// What adapter_config.json says.
struct AdapterConfig {
  std::filesystem::path base;  ///< the checkpoint's folder that the adapters belong to
  LoraOptions options;
  ChatOptions chat;  ///< what they were trained with; kept in the weights' metadata, which other programs pass over
};

/// Everything but `chat`. DataError names `file` and the key: another kind of adapters, or one that changes what we do not know.
AdapterConfig adapter_config_from_json(const std::string& text, const std::string& file);

}  // namespace llama4rec::llm
