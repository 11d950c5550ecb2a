#include "config/yaml_reader.h"

#include <map>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <llama4rec/error.h>

#include "config/option_value.h"
#include "core/text.h"

namespace llama4rec::config {
namespace {

// Sections nest a few levels; more comes from an alias that contains itself.
constexpr int kDeepest = 16;

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  std::vector<YamlEntry> read(const std::string& text) {
    if (!text::is_valid_utf8(text)) throw UsageError(file_ + ": expected UTF-8 text");
    const auto documents = YAML::LoadAll(text);
    if (documents.empty() || documents.front().IsNull()) return {};
    if (documents.size() > 1) fail(documents[1], "expected one YAML document");
    if (!documents.front().IsMap()) fail(documents.front(), "expected 'key: value' lines");
    read_map(documents.front(), "", 0);
    return std::move(entries_);
  }

 private:
  [[nodiscard]] std::string at(const YAML::Node& node) const {
    return node.Mark().is_null() ? file_ : fmt::format("{}:{}", file_, node.Mark().line + 1);
  }

  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
    throw UsageError(at(node) + ": " + what);
  }

  void read_map(const YAML::Node& map, const std::string& prefix, int depth) {
    if (depth > kDeepest) fail(map, "'" + prefix + "' nests too deep");
    for (const auto& pair : map) {
      if (!pair.first.IsScalar()) fail(pair.first, "expected a plain text as the key");
      const std::string name = prefix + pair.first.Scalar();
      if (pair.second.IsMap() && pair.second.size() > 0) {
        read_map(pair.second, name + ".", depth + 1);
      } else {
        add(name, pair.first, pair.second);
      }
    }
  }

  void add(const std::string& name, const YAML::Node& key, const YAML::Node& node) {
    const auto [first, inserted] = origins_.try_emplace(name, at(key));
    if (!inserted) fail(key, "key '" + name + "' is set twice, first at " + first->second);
    ConfiguredValue value;
    value.origin = at(key);
    if (node.IsMap()) fail(key, "'" + name + "' is an empty section");
    if (node.IsSequence()) {
      value.is_list = true;
      for (const auto& item : node) {
        if (item.IsMap() || item.IsSequence()) fail(item, "key '" + name + "': expected a list of single values");
        value.items.push_back(item.IsScalar() ? item.Scalar() : "");
      }
    } else if (node.IsScalar()) {
      value.text = node.Scalar();
    }
    entries_.push_back({name, std::move(value)});
  }

  std::string file_;
  std::map<std::string, std::string> origins_;
  std::vector<YamlEntry> entries_;
};

}  // namespace

std::vector<YamlEntry> read_yaml(const std::string& text, const std::string& name) {
  try {
    return Reader(name).read(text);
  } catch (const YAML::Exception& error) {
    const std::string place =
        error.mark.is_null() ? "" : fmt::format(":{}:{}", error.mark.line + 1, error.mark.column + 1);
    throw UsageError(name + place + ": not valid YAML: " + error.msg);
  }
}

ConfiguredValue default_of(const OptionRow& row) {
  ConfiguredValue value;
  value.origin = "default";
  value.is_list = is_list(row);
  if (value.is_list) {
    value.items = parse_list(row.default_value).value();
  } else {
    value.text = row.default_value.starts_with('"') ? YAML::Load(row.default_value).Scalar() : row.default_value;
  }
  return value;
}

}  // namespace llama4rec::config
