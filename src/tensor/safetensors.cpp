#include "tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "tensor/mapped_safetensors.h"

namespace llama4rec::tensor {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

/// The types that are written.
constexpr std::array kTypeNames{"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"};

std::string type_name(const std::string& tensor, torch::ScalarType type) {
  for (const char* name : kTypeNames) {
    if (scalar_type(name) == type) return name;
  }
  throw InternalError("tensor '" + tensor + "': its type cannot be written to a safetensors file");
}

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace

void write_safetensors(const std::filesystem::path& file, const TensorFile& content) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& [name, tensor] : content.tensors) {
    if (!tensor.defined()) throw InternalError("tensor '" + name + "' is undefined and cannot be written");
    tensors.emplace_back(name, tensor.detach().to(torch::kCPU).contiguous());
  }
  // Wide elements first keep every tensor aligned for programs that map the file into memory.
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  SafetensorsHeader header;
  header.metadata = content.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + tensor.nbytes();
    header.entries.push_back({.name = name,
                              .type = type_name(name, tensor.scalar_type()),
                              .shape = tensor.sizes().vec(),
                              .begin = offset,
                              .end = end});
    offset = end;
  }
  const std::string json = format_header(header);
  const auto length = std::bit_cast<std::array<char, kHeaderLengthBytes>>(static_cast<std::uint64_t>(json.size()));
  AtomicFile output(file);
  output.write({length.data(), length.size()});
  output.write(json);
  for (const auto& [name, tensor] : tensors) output.write(bytes_of(tensor));
  output.commit();
}

TensorFile read_safetensors(const std::filesystem::path& file) {
  const MappedSafetensors mapped(file);
  TensorFile content;
  content.metadata = mapped.header().metadata;
  for (const auto& entry : mapped.header().entries) {
    const auto tensor = torch::empty(entry.shape, torch::TensorOptions().dtype(scalar_type(entry.type)));
    mapped.copy(entry, tensor);
    content.tensors[entry.name] = tensor;
  }
  return content;
}

}  // namespace llama4rec::tensor
