#include "config/configuration.h"

#include <fmt/format.h>
#include <algorithm>

#include <llama4rec/error.h>

#include "config/option_value.h"
#include "config/yaml_reader.h"
#include "core/atomic_file.h"
#include "core/text.h"

namespace llama4rec::config {
namespace {

[[noreturn]] void refuse_unknown(const OptionTable& table, const std::string& name, const std::string& origin) {
  for (const auto& [known, row] : table.rows()) {
    if (known.starts_with(name + ".")) {
      throw UsageError(fmt::format("{}: '{}' is a section, expected a key in it, such as '{}'", origin, name, known));
    }
  }
  for (std::size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    if (const auto* row = table.find(name.substr(0, dot))) {
      throw UsageError(fmt::format("{}: key '{}': expected {}, not a section", origin, row->name, expectation(*row)));
    }
  }
  throw UsageError(fmt::format("{}: unknown key '{}'; expected one of 'config options', the nearest is '{}'", origin,
                               name, table.nearest(name)));
}

void check_value(const OptionRow& row, const ConfiguredValue& value) {
  if (normal_form(row, value)) return;
  const std::string got = value.is_list ? format_list(value.items) : "'" + value.text + "'";
  throw UsageError(fmt::format("{}: key '{}': expected {}, got {}", value.origin, row.name, expectation(row), got));
}

std::string effective(const Configuration& configuration, const OptionRow& row) {
  const auto* value = configuration.find(row.name);
  return normal_form(row, value == nullptr ? default_of(row) : *value).value();
}

}  // namespace

Configuration::Configuration(std::shared_ptr<const OptionTable> table) : table_(std::move(table)) {}

void Configuration::load_yaml(const std::filesystem::path& file) {
  std::string content;
  try {
    content = read_file(file);
  } catch (const DataError& error) {
    throw UsageError(std::string("configuration ") + error.what());
  }
  load_yaml_text(content, file.string());
}

void Configuration::load_yaml_text(const std::string& text, const std::string& name) {
  auto values = values_;  // all or nothing
  for (auto& entry : read_yaml(text, name)) {
    const auto* row = table_->find(entry.name);
    if (row == nullptr) refuse_unknown(*table_, entry.name, entry.value.origin);
    check_value(*row, entry.value);
    values[entry.name] = std::move(entry.value);
  }
  values_ = std::move(values);
}

void Configuration::set(const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos) throw UsageError("--set: expected key=value, got '" + assignment + "'");
  set(std::string(text::trim(std::string_view(assignment).substr(0, equals))), assignment.substr(equals + 1), "--set");
}

void Configuration::set(const std::string& name, const std::string& value, const std::string& origin) {
  const auto* row = table_->find(name);
  if (row == nullptr) refuse_unknown(*table_, name, origin);
  ConfiguredValue configured{.text = value, .items = {}, .is_list = false, .origin = origin};
  if (is_list(*row)) {
    if (auto items = parse_list(value)) {
      configured.items = std::move(*items);
      configured.is_list = true;
    }
  }
  check_value(*row, configured);
  values_[name] = std::move(configured);
}

void Configuration::overlay(const Configuration& other, const std::vector<std::string>& without) {
  for (const auto& other_value : other.values_) {
    const std::string& name = other_value.first;
    const bool left_out = std::any_of(without.begin(), without.end(),
                                      [&name](const std::string& prefix) { return name.starts_with(prefix); });
    if (!left_out) values_[name] = other_value.second;
  }
}

const ConfiguredValue* Configuration::find(const std::string& name) const {
  const auto place = values_.find(name);
  return place == values_.end() ? nullptr : &place->second;
}

std::string Configuration::to_yaml() const {
  std::string yaml;
  std::vector<std::string_view> open;  // the sections of the line before
  for (const auto& [name, row] : table_->rows()) {
    auto parts = text::split(name, ".");
    const auto key = parts.back();
    parts.pop_back();
    std::size_t shared = 0;
    while (shared < parts.size() && shared < open.size() && parts[shared] == open[shared]) ++shared;
    for (std::size_t level = shared; level < parts.size(); ++level) {
      yaml += fmt::format("{}{}:\n", std::string(2 * level, ' '), parts[level]);
    }
    yaml += fmt::format("{}{}: {}\n", std::string(2 * parts.size(), ' '), key, effective(*this, row));
    open = std::move(parts);
  }
  return yaml;
}

std::string Configuration::canonical(const std::vector<std::string>& prefixes,
                                     const std::vector<std::string>& without) const {
  std::string lines;
  for (const auto& [name, row] : table_->rows()) {
    bool wanted = prefixes.empty();
    for (const auto& prefix : prefixes) wanted = wanted || name.starts_with(prefix);
    for (const auto& prefix : without) wanted = wanted && !name.starts_with(prefix);
    if (wanted) lines += name + "=" + effective(*this, row) + "\n";
  }
  return lines;
}

}  // namespace llama4rec::config
