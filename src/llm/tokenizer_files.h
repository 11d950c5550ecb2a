// The tokeniser of a checkpoint folder, and the small files that other programs want beside it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "llm/model_config.h"
#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// Reads tokenizer.model, else tokenizer.json. End tokens are those of the configuration, and its chat template is set. DataError names
/// the file and what is wrong with it, also where it has more tokens than the model.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder, const ModelConfig& config);

/// Writes the tokeniser's file, and special_tokens_map.json and tokenizer_config.json, from which other programs learn its class, its
/// begin and end token and the chat template. Each atomically; another kind of tokeniser's file that lies in the folder is removed.
void write_tokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer, const ModelConfig& config);

/// The whole of a file that is expected to be small. DataError where it has more than `most` bytes or cannot be read.
std::string read_bounded_file(const std::filesystem::path& file, std::uintmax_t most);

}  // namespace llama4rec::llm
