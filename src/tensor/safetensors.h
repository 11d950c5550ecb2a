// safetensors files: a JSON header with names, types, shapes and offsets, then the bytes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor/torch.h"

namespace llama4rec::tensor {

/// Tensors by name, and the header's `__metadata__`.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes float32, float16, bfloat16, int64, int32, uint8 tensors, atomically.
void write_safetensors(const std::filesystem::path& file, const TensorFile& content);

/// Reads a file whole. The header is checked against the file's size (lengths, overlaps, overflow, types) before anything
/// is allocated; DataError names the file and the fault.
TensorFile read_safetensors(const std::filesystem::path& file);

}  // namespace llama4rec::tensor
