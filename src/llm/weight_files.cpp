#include "llm/weight_files.h"

#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "llm/json_reader.h"
#include "llm/tokenizer_files.h"
#include "llm/weight_index.h"

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
