// A strict little HTML reader for the tests: every element that opens must close, in order, and text must be escaped.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::report {

/// What a page consists of.
struct Markup {
  std::vector<std::string> problems;    ///< empty for a well-formed page
  std::map<std::string, int> elements;  ///< how often each element opens
  std::vector<std::string> attributes;  ///< every attribute as name=value, entities decoded
  std::vector<std::string> texts;       ///< every piece of text outside script and style, entities decoded
  std::vector<std::string> scripts;     ///< the content of each script element
  std::vector<std::string> ids;
};

Markup parse_markup(std::string_view html);

}  // namespace llama4rec::report
