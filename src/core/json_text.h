// JSON that users or other programs wrote.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec {

/// The document in `text`, which was read from `file`.
/// @tparam Json nlohmann::json or nlohmann::ordered_json (keeps the order of keys).
/// @throws DataError with line and column where the text is no JSON, and with the file where a number fits no type.
template <class Json = nlohmann::json>
Json parse_json(const std::string& text, const std::string& file);

extern template nlohmann::json parse_json(const std::string&, const std::string&);
extern template nlohmann::ordered_json parse_json(const std::string&, const std::string&);

}  // namespace llama4rec
