// A safetensors file in memory as it lies on the disk: tensors are copied out of it one by one.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "tensor/safetensors_header.h"
#include "tensor/torch.h"

namespace llama4rec::tensor {

/// The header is checked against the file's size before anything is allocated; the data is only mapped. DataError names the file and the
/// fault.
class MappedSafetensors {
 public:
  explicit MappedSafetensors(const std::filesystem::path& file);
  ~MappedSafetensors();
  MappedSafetensors(MappedSafetensors&& other) noexcept;
  MappedSafetensors& operator=(MappedSafetensors&&) = delete;
  MappedSafetensors(const MappedSafetensors&) = delete;
  MappedSafetensors& operator=(const MappedSafetensors&) = delete;

  [[nodiscard]] const SafetensorsHeader& header() const { return header_; }

  /// Copies an entry of the header into a tensor of its shape, of any floating type and device. Its pages are given back afterwards, so
  /// that reading a large file takes no memory beyond that of the targets.
  void copy(const HeaderEntry& entry, torch::Tensor target) const;

 private:
  std::string file_;
  char* bytes_ = nullptr;  ///< never written to
  std::size_t size_ = 0;
  std::size_t data_begin_ = 0;
  SafetensorsHeader header_;
};

/// libtorch's type of a name in a header.
torch::ScalarType scalar_type(const std::string& name);

}  // namespace llama4rec::tensor
