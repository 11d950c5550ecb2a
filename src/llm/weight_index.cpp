#include "llm/weight_index.h"

#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "llm/json_reader.h"

namespace llama4rec::llm {

std::map<std::string, std::string> parse_weight_index(const std::string& text, const std::string& file) {
  constexpr std::size_t kMostFiles = 10'000;
  const auto document = parse_json(text, file);
  const JsonReader reader(document, file);
  (void)reader.object("weight_map");
  std::map<std::string, std::string> files;
  std::set<std::string> different;
  for (const auto& [name, value] : reader.value("weight_map").get_ref<const nlohmann::json::object_t&>()) {
    const auto shard = value.is_string() ? value.get<std::string>() : std::string();
    const bool plain = shard.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain || !shard.ends_with(".safetensors")) {
      throw DataError({.file = file},
                      fmt::format("key \"weight_map\" has {} for {}, which is no safetensors file of this folder",
                                  describe(value), describe(nlohmann::json(name))));
    }
    files.emplace(name, shard);
    different.insert(shard);
  }
  if (files.empty()) reader.fail("weight_map", "tensors with their files");
  if (different.size() > kMostFiles) reader.fail("weight_map", fmt::format("at most {} files", kMostFiles));
  return files;
}

}  // namespace llama4rec::llm
