// Small text functions shared by the layers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::text {

/// Parts between separators; "a||b" has an empty part; an empty text has one empty part.
std::vector<std::string_view> split(std::string_view text, std::string_view separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower(std::string_view ascii);
/// Levenshtein distance in bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);
std::string latin1_to_utf8(std::string_view latin1);
/// Valid UTF-8, where each ill-formed byte was replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);
bool is_valid_utf8(std::string_view bytes);
/// & < > " ' as entities.
std::string escape_html(std::string_view text);
/// 12345678 as "12,345,678".
std::string with_thousands(long long value);

}  // namespace llama4rec::text
