// The weights of a checkpoint folder: model.safetensors, or the shards that its index names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor/mapped_safetensors.h"

namespace llama4rec::llm {

/// All tensors of a checkpoint, mapped. DataError names the file and the fault: no weights, a shard that is missing or damaged, a tensor
/// that does not lie where the index says, or lies in several shards.
class WeightFiles {
 public:
  explicit WeightFiles(const std::filesystem::path& folder);

  struct Entry {
    std::size_t file = 0;
    const tensor::HeaderEntry* header = nullptr;
  };
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  /// The file of an entry, for messages.
  [[nodiscard]] const std::string& name_of(const Entry& entry) const { return names_[entry.file]; }
  /// The files, sorted by name.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// The file that tells which tensors there are: the index, or the only file.
  [[nodiscard]] const std::string& origin() const { return origin_; }

  /// Copies a tensor into one of its shape.
  void copy(const Entry& entry, const torch::Tensor& target) const { files_[entry.file].copy(*entry.header, target); }

 private:
  void open(const std::filesystem::path& file);

  std::string origin_;
  std::vector<std::string> names_;
  std::vector<tensor::MappedSafetensors> files_;
  std::map<std::string, Entry> entries_;
};

/// Bytes of one file, as other programs cut them.
inline constexpr std::int64_t kShardBytes = 5'000'000'000;

/// Writes the tensors as model.safetensors, or, where they are more than `shard_bytes` together, as shards of at most that many bytes (a tensor
/// alone may have more) with their index; each file atomically. Files of the other form that lie there from before go first.
void write_weight_files(const std::filesystem::path& folder, const std::map<std::string, torch::Tensor>& tensors,
                        std::int64_t shard_bytes = kShardBytes);

}  // namespace llama4rec::llm
