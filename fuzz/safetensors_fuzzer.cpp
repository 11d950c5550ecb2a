// LAYERS: core SOURCES: src/tensor/safetensors_header.cpp
// Any bytes as a safetensors header: either they are refused by a DataError in one line, or the tensors tile the data part.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <llama4rec/error.h>

#include "tensor/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint64_t data_size = data[0];
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  llama4rec::tensor::SafetensorsHeader header;
  try {
    header = llama4rec::tensor::parse_header(json, data_size, "file");
  } catch (const llama4rec::DataError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }
  std::uint64_t covered = 0;
  for (const auto& entry : header.entries) {
    if (entry.begin != covered || entry.end < entry.begin) std::abort();
    covered = entry.end;
  }
  if (covered != data_size) std::abort();
  const auto again = llama4rec::tensor::parse_header(llama4rec::tensor::format_header(header), data_size, "again");
  if (again.entries.size() != header.entries.size() || again.metadata != header.metadata) std::abort();
  return 0;
}
