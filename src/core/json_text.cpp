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

/// Deeper documents would overflow the stack of whoever walks through them.
void check_depth(const std::string& text, const std::string& file) {
  constexpr int kDeepest = 200;
  int depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) {
        throw DataError(location_of(file, text, at), "expected a JSON document that nests less deep");
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace

template <class Json>
Json parse_json(const std::string& text, const std::string& file) {
  check_depth(text, file);
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
