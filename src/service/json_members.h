// Members of a request's JSON.
#pragma once

#include <nlohmann/json.hpp>

namespace llama4rec::service {

/// A member that is there and not null; else null.
inline const nlohmann::json* given(const nlohmann::json& document, const char* name) {
  if (!document.is_object()) return nullptr;
  const auto place = document.find(name);
  return place == document.end() || place->is_null() ? nullptr : &*place;
}

}  // namespace llama4rec::service
