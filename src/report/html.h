// Putting foreign text into a page without its becoming markup or code.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace llama4rec::report {

/// `text` for element content and quoted attributes: valid UTF-8, & < > " ' as entities, control characters other than
/// tab and line feed as U+FFFD.
std::string escape(std::string_view text);

/// JSON for a script element: < > & and U+2028/2029 as \u escapes, so that no text can end the element. Non-finite
/// numbers become null.
std::string json_for_script(const nlohmann::json& value);

/// A relative path as the value of an href: what is not a letter, a digit or one of - . _ ~ / stands as %XX, so that no scheme, query or
/// entity can be in it.
std::string relative_link(std::string_view path);

/// `sha256-BASE64` of an inline element's content, as a content security policy names it.
std::string policy_hash(std::string_view content);

}  // namespace llama4rec::report
