// YAML text to key-value pairs with their lines.
#pragma once

#include <string>
#include <vector>

#include "config/configuration.h"

namespace llama4rec::config {

/// A key as it stands in the file, sections joined by dots, and its value.
struct YamlEntry {
  std::string name;
  ConfiguredValue value;  ///< origin is "file:line"
};

/// All leaves of the document in the file's order. UsageError with file and line for what is no valid YAML, is no map, repeats
/// a key or nests values that no option has; the table decides which maps are values of an unknown key.
std::vector<YamlEntry> read_yaml(const std::string& text, const std::string& name);

/// A row's default as a configured value.
ConfiguredValue default_of(const OptionRow& row);

}  // namespace llama4rec::config
