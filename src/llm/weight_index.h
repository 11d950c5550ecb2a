// model.safetensors.index.json: which file of the folder holds which tensor. Free of libtorch, so that it can be fuzzed.
#pragma once

#include <map>
#include <string>

namespace llama4rec::llm {

/// Names of tensors and of the files that hold them. DataError naming `file`, its key and the tensor where that is no file of the folder.
std::map<std::string, std::string> parse_weight_index(const std::string& text, const std::string& file);

}  // namespace llama4rec::llm
