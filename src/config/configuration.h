// The effective configuration: defaults, overlaid by a YAML file, overlaid by `--set key=value`; validated as a whole.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::config {

/// All rows a program knows, by name. Built once at start from the modules' declarations.
class OptionTable {
 public:
  /// Adds what `Options::declare` declares; InternalError when a name is declared twice with different rows.
  template <class Options>
  void add() {
    add_rows(rows_of<Options>());
  }
  void add_rows(std::vector<OptionRow> rows);
  [[nodiscard]] const OptionRow* find(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, OptionRow>& rows() const { return rows_; }
  /// The known name nearest to `name` by edit distance.
  [[nodiscard]] std::string nearest(const std::string& name) const;

 private:
  std::map<std::string, OptionRow> rows_;
};

/// Where a value was set: "configs/a.yaml:12", "--set" or "default".
struct ConfiguredValue {
  std::string text;                ///< scalar as written
  std::vector<std::string> items;  ///< elements of a list
  bool is_list = false;
  std::string origin;
};

/// Values that were set explicitly, validated against the table. A value type; cheap to copy.
class Configuration {
 public:
  explicit Configuration(std::shared_ptr<const OptionTable> table);

  /// Overlays a YAML file: nested maps or dotted keys. UsageError with file, line, key, expectation and the nearest key.
  void load_yaml(const std::filesystem::path& file);
  /// Overlays YAML text; `name` stands for the file in messages.
  void load_yaml_text(const std::string& text, const std::string& name);
  /// Overlays one `key=value` (a list is written as a,b or [a, b]); UsageError as above with "--set".
  void set(const std::string& assignment);
  /// Overlays a value from code, such as a command-line flag that stands for an option.
  void set(const std::string& name, const std::string& value, const std::string& origin);

  /// Overlays what another configuration of the same table sets, without names that begin with one of `without`.
  void overlay(const Configuration& other, const std::vector<std::string>& without = {});

  /// The options of a module with the configured values.
  template <class Options>
  [[nodiscard]] Options read() const;

  [[nodiscard]] const ConfiguredValue* find(const std::string& name) const;
  [[nodiscard]] const OptionTable& table() const { return *table_; }
  [[nodiscard]] std::shared_ptr<const OptionTable> shared_table() const { return table_; }
  /// Every option with its effective value, as YAML with nested maps, sorted by name.
  [[nodiscard]] std::string to_yaml() const;
  /// Every option with its effective value, `name=value` lines sorted by name, only names with one of the prefixes (such as
  /// "lightgcn."); all names when empty. The basis of stage keys.
  [[nodiscard]] std::string canonical(const std::vector<std::string>& prefixes = {},
                                      const std::vector<std::string>& without = {}) const;

 private:
  std::shared_ptr<const OptionTable> table_;
  std::map<std::string, ConfiguredValue> values_;
};

}  // namespace llama4rec::config

#include "config/configuration_detail.h"  // IWYU pragma: keep
