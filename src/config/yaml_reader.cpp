#include "config/yaml_reader.h"

#include <map>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <llama4rec/error.h>

#include "config/option_value.h"
#include "core/text.h"

namespace llama4rec::config {
namespace {

// Sections nest a few levels; more comes from an alias that contains itself.
constexpr int kDeepest = 16;

// Where each document of a stream begins. YAML::LoadAll would loop for ever on text that it cannot consume, such as ", a",
// and YAML::Load would leave out all that follows the first document.
class DocumentStarts final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}

  std::vector<YAML::Mark> marks;
};

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  std::vector<YamlEntry> read(const std::string& text) {
    if (!text::is_valid_utf8(text)) throw UsageError(file_ + ": expected UTF-8 text");
    check_single_document(text);
    const auto document = YAML::Load(text);
    if (!document.IsDefined() || document.IsNull()) return {};
    if (!document.IsMap()) fail(document, "expected 'key: value' lines");
    read_map(document, "", 0);
    return std::move(entries_);
  }

 private:
  [[nodiscard]] std::string at(const YAML::Node& node) const {
    return node.Mark().is_null() ? file_ : fmt::format("{}:{}", file_, node.Mark().line + 1);
  }

  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
    throw UsageError(at(node) + ": " + what);
  }

  void check_single_document(const std::string& text) const {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentStarts starts;
    if (parser.HandleNextDocument(starts) && parser.HandleNextDocument(starts)) {
      throw UsageError(fmt::format("{}:{}: expected one YAML document, this begins another one", file_,
                                   starts.marks.back().line + 1));
    }
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
