#include "tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "tensor/safetensors_header.h"

namespace llama4rec::tensor {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::uint64_t kPrefix = 8;  // bytes that hold the header's length

constexpr std::pair<const char*, torch::ScalarType> kTypes[] = {
    {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};

torch::ScalarType scalar_type(const std::string& name) {
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  throw InternalError("safetensors type " + name + " has no libtorch type");
}

std::string type_name(const std::string& tensor, torch::ScalarType type) {
  for (const auto& [name, known] : kTypes) {
    if (type == known) return name;
  }
  throw InternalError("tensor '" + tensor + "': its type cannot be written to a safetensors file");
}

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

void read_exactly(std::ifstream& stream, char* target, std::uint64_t size, const std::filesystem::path& file) {
  stream.read(target, static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(stream.gcount()) != size) {
    throw DataError({.file = file.string()}, "cannot be read to its end");
  }
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
  const auto length = std::bit_cast<std::array<char, kPrefix>>(static_cast<std::uint64_t>(json.size()));
  AtomicFile output(file);
  output.write({length.data(), length.size()});
  output.write(json);
  for (const auto& [name, tensor] : tensors) output.write(bytes_of(tensor));
  output.commit();
}

TensorFile read_safetensors(const std::filesystem::path& file) {
  const auto refuse = [&](const std::string& why) -> void { throw DataError({.file = file.string()}, why); };
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(file, error);
  if (error) refuse("cannot be opened: " + error.message());
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse("cannot be opened");
  if (size < kPrefix) refuse(fmt::format("not a valid safetensors file: {} bytes are too few", size));

  std::array<char, kPrefix> prefix{};
  read_exactly(stream, prefix.data(), kPrefix, file);
  const auto header_size = std::bit_cast<std::uint64_t>(prefix);
  if (header_size > size - kPrefix || header_size > kLongestHeader) {
    refuse(fmt::format("not a valid safetensors file: its header of {} bytes does not fit", header_size));
  }
  std::string json(header_size, '\0');
  read_exactly(stream, json.data(), header_size, file);
  auto header = parse_header(json, size - kPrefix - header_size, file.string());

  TensorFile content;
  content.metadata = std::move(header.metadata);
  for (const auto& entry : header.entries) {
    const auto tensor = torch::empty(entry.shape, torch::TensorOptions().dtype(scalar_type(entry.type)));
    read_exactly(stream, static_cast<char*>(tensor.data_ptr()), entry.end - entry.begin, file);
    content.tensors[entry.name] = tensor;
  }
  return content;
}

}  // namespace llama4rec::tensor
