#include "config/options_markdown.h"

#include <map>

#include <fmt/format.h>

#include "config/option_value.h"

namespace llama4rec::config {
namespace {

std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string section_of(const std::string& name) {
  const auto dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string row_text(const OptionRow& row) {
  return fmt::format("| `{}` | {} | `{}` | {} | {} | {} |\n", row.name, row.type, cell(row.default_value),
                     cell(constraint_text(row)), cell(row.description), cell(row.paper));
}

}  // namespace

std::string options_markdown(const OptionTable& table) {
  std::map<std::string, std::string> sections;
  for (const auto& [name, row] : table.rows()) sections[section_of(name)] += row_text(row);
  std::string page =
      "# Options\n\n"
      "Made by `llama4rec config options --markdown > docs/options.md` from the modules' declarations; do not edit.\n\n"
      "An option is set in a YAML file (nested maps or dotted keys) or by `--set name=value`; `llama4rec config show`\n"
      "prints what is in force. The last column names the part of the paper that an option comes from.\n";
  for (const auto& [section, rows] : sections) {
    page += fmt::format("\n## {}\n\n", section.empty() ? "Whole program" : "`" + section + "`");
    page += "| option | type | default | range or choices | meaning | paper |\n|---|---|---|---|---|---|\n" + rows;
  }
  return page;
}

}  // namespace llama4rec::config
