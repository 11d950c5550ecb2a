#include "core/json_text.h"

#include <algorithm>
#include <string_view>

#include <llama4rec/error.h>

namespace llama4rec {
namespace {

FileLocation location_of(const std::string& file, std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line_start = before.rfind('\n') + 1;  // 0 on the first line
  return {.file = file,
          .line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          .column = before.size() - line_start + 1};
}

}  // namespace

template <class Json>
Json parse_json(const std::string& text, const std::string& file) {
  try {
    return Json::parse(text);
  } catch (const typename Json::parse_error& error) {
    // `byte` counts from 1 and names the last byte read.
    throw DataError(location_of(file, text, error.byte == 0 ? 0 : error.byte - 1), "expected a JSON document");
  } catch (const typename Json::out_of_range&) {
    throw DataError({.file = file}, "expected a JSON document with numbers that a double can hold");
  }
}

template nlohmann::json parse_json(const std::string&, const std::string&);
template nlohmann::ordered_json parse_json(const std::string&, const std::string&);

}  // namespace llama4rec
