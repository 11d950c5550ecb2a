#include "llm/weight_files.h"

#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/json_reader.h"
#include "llm/tokenizer_files.h"
#include "llm/weight_index.h"
#include "tensor/safetensors.h"

namespace llama4rec::llm {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::uintmax_t kLargestIndex = 64 << 20;  // bytes

/// A name from a file, in a message.
std::string quoted(const std::string& name) { return describe(nlohmann::json(name)); }

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& folder) {
  const auto single = folder / kSingleFile;
  const auto index = folder / kIndexFile;
  if (std::filesystem::exists(single)) {
    origin_ = single.string();
    open(single);
    return;
  }
  if (!std::filesystem::exists(index)) {
    const bool pickled = std::filesystem::exists(folder / "pytorch_model.bin") ||
                         std::filesystem::exists(folder / "pytorch_model.bin.index.json");
    throw DataError({.file = single.string()},
                    pickled ? "is missing, and pytorch_model.bin is not read: convert the weights to safetensors"
                            : "is missing, and there is no model.safetensors.index.json");
  }
  origin_ = index.string();
  const auto shard_of = parse_weight_index(read_bounded_file(index, kLargestIndex), origin_);
  std::set<std::string> shards;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  for (const auto& shard : shards) {
    if (!std::filesystem::exists(folder / shard)) {
      throw DataError({.file = origin_}, fmt::format("names the file {}, which is missing", quoted(shard)));
    }
    open(folder / shard);
  }
  for (const auto& [name, shard] : shard_of) {
    const auto found = entries_.find(name);
    if (found == entries_.end() || name_of(found->second) != (folder / shard).string()) {
      throw DataError({.file = (folder / shard).string()},
                      fmt::format("holds no tensor {}, but the index says so", quoted(name)));
    }
  }
  for (const auto& [name, entry] : entries_) {
    if (shard_of.contains(name)) continue;
    throw DataError({.file = name_of(entry)}, fmt::format("holds the tensor {}, which the index lacks", quoted(name)));
  }
}

namespace {

/// Tensors of one file, in the order of their names.
std::vector<std::map<std::string, torch::Tensor>> cut(const std::map<std::string, torch::Tensor>& tensors,
                                                      std::int64_t shard_bytes) {
  std::vector<std::map<std::string, torch::Tensor>> shards(1);
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto size = static_cast<std::int64_t>(tensor.nbytes());
    if (bytes > 0 && bytes + size > shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().emplace(name, tensor);
    bytes += size;
  }
  return shards;
}

bool is_shard(const std::string& name) {
  return name.starts_with("model-") && name.ends_with(".safetensors") && name.find("-of-") != std::string::npos;
}

void remove_weights(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove(folder / kSingleFile, ignored);
  std::filesystem::remove(folder / kIndexFile, ignored);
  std::vector<std::filesystem::path> shards;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (is_shard(entry.path().filename().string())) shards.push_back(entry.path());
  }
  for (const auto& shard : shards) std::filesystem::remove(shard, ignored);
}

}  // namespace

void write_weight_files(const std::filesystem::path& folder, const std::map<std::string, torch::Tensor>& tensors,
                        std::int64_t shard_bytes) {
  const auto shards = cut(tensors, shard_bytes);
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  remove_weights(folder);
  if (shards.size() == 1) {
    tensor::write_safetensors(folder / kSingleFile, {.tensors = tensors, .metadata = metadata});
    return;
  }
  nlohmann::ordered_json index{{"metadata", {{"total_size", 0}}}};
  std::int64_t total = 0;
  for (std::size_t n = 0; n < shards.size(); ++n) {
    const auto name = fmt::format("model-{:05}-of-{:05}.safetensors", n + 1, shards.size());
    tensor::write_safetensors(folder / name, {.tensors = shards[n], .metadata = metadata});
    for (const auto& [tensor_name, tensor] : shards[n]) {
      index["weight_map"][tensor_name] = name;
      total += static_cast<std::int64_t>(tensor.nbytes());
    }
  }
  index["metadata"]["total_size"] = total;
  write_file_atomically(folder / kIndexFile, index.dump(2) + "\n");  // last: a folder that has it has its shards
}

void WeightFiles::open(const std::filesystem::path& file) {
  const auto place = files_.size();
  names_.push_back(file.string());
  for (const auto& entry : files_.emplace_back(file).header().entries) {
    const auto [other, fresh] = entries_.try_emplace(entry.name, Entry{.file = place, .header = &entry});
    if (fresh) continue;
    throw DataError({.file = names_.back()}, fmt::format("holds the tensor {}, which lies in {} too",
                                                         quoted(entry.name), names_[other->second.file]));
  }
}

}  // namespace llama4rec::llm
