#include "llm/remote/server_model.h"

#include "core/text.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;

std::string text_member(const json& object, const char* name) {
  const auto place = object.find(name);
  if (place == object.end() || !place->is_string()) return "";
  return text::to_valid_utf8(place->get<std::string>());
}

}  // namespace

std::vector<ServerModel> read_models(const json& document) {
  std::vector<ServerModel> models;
  if (!document.is_object() || !document.contains("data") || !document["data"].is_array()) return models;
  for (const auto& entry : document["data"]) {
    if (!entry.is_object() || text_member(entry, "id").empty()) continue;
    ServerModel model{
        .id = text_member(entry, "id"), .owner = text_member(entry, "owned_by"), .root = text_member(entry, "root")};
    if (entry.contains("llama4rec") && entry["llama4rec"].is_object()) {
      model.fingerprint = text_member(entry["llama4rec"], "fingerprint");
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 32;
    if (entry.contains("max_model_len") && entry["max_model_len"].is_number_integer()) {
      const auto length = entry["max_model_len"].get<std::int64_t>();
      if (length > 0 && length <= kMost) model.context = length;
    }
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace llama4rec::llm
