// Tables in Markdown.
#pragma once

#include <string>
#include <vector>

namespace llama4rec::pipeline {

inline std::string markdown_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

/// The line below a table's head.
inline std::string markdown_rule(std::size_t columns) { return markdown_row(std::vector<std::string>(columns, "---")); }

}  // namespace llama4rec::pipeline
