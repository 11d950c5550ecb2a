#include <algorithm>

#include <fmt/format.h>

#include <llama4rec/error.h>

#include "config/configuration.h"
#include "config/option_value.h"
#include "config/yaml_reader.h"
#include "core/text.h"

namespace llama4rec::config {
namespace {

bool is_option_name(const std::string& name) {
  if (name.empty()) return false;
  for (const auto part : text::split(name, ".")) {
    if (part.empty()) return false;
    for (const char c : part) {
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') return false;
    }
  }
  return true;
}

bool same_row(const OptionRow& a, const OptionRow& b) {
  return a.type == b.type && a.default_value == b.default_value && a.constraint.minimum == b.constraint.minimum &&
         a.constraint.maximum == b.constraint.maximum && a.constraint.choices == b.constraint.choices &&
         a.description == b.description && a.paper == b.paper;
}

// Mistakes of the program's authors, found at the first start.
void check_declaration(const OptionRow& row) {
  if (!is_option_name(row.name)) {
    throw InternalError("option '" + row.name + "': expected a lower-case name such as section.option");
  }
  if (row.description.empty()) throw InternalError("option '" + row.name + "' has no description");
  if (!normal_form(row, default_of(row))) {
    throw InternalError(
        fmt::format("option '{}': the default {} is not {}", row.name, row.default_value, expectation(row)));
  }
}

}  // namespace

void OptionTable::add_rows(std::vector<OptionRow> rows) {
  for (auto& row : rows) {
    check_declaration(row);
    for (const auto& [name, other] : rows_) {
      if (name.starts_with(row.name + ".") || row.name.starts_with(name + ".")) {
        throw InternalError("options '" + name + "' and '" + row.name + "': one is the section of the other");
      }
    }
    const auto [place, inserted] = rows_.try_emplace(row.name, row);
    if (!inserted && !same_row(place->second, row)) {
      throw InternalError("option '" + row.name + "' is declared twice, differently");
    }
  }
}

const OptionRow* OptionTable::find(const std::string& name) const {
  const auto place = rows_.find(name);
  return place == rows_.end() ? nullptr : &place->second;
}

std::string OptionTable::nearest(const std::string& name) const {
  const bool has_section = name.find('.') != std::string::npos;
  std::string best;
  auto best_distance = static_cast<std::size_t>(-1);
  for (const auto& [known, row] : rows_) {
    std::size_t distance = text::edit_distance(name, known);
    if (!has_section) {  // "epochs" most likely lacks its section
      distance = std::min(distance, text::edit_distance(name, known.substr(known.rfind('.') + 1)) + 1);
    }
    if (distance < best_distance) {
      best_distance = distance;
      best = known;
    }
  }
  return best;
}

}  // namespace llama4rec::config
