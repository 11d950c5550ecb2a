#include <llama4rec/error.h>

#include "config/configuration.h"
#include "config/option_value.h"

namespace llama4rec::config {

const ConfiguredValue* OptionReader::find(const std::string& name, const char* type) const {
  const OptionRow* row = configuration_.table().find(name);
  if (row == nullptr || row->type != type) {
    throw InternalError("option '" + name + "' is read but not in the option table as " + type);
  }
  return configuration_.find(name);
}

// Configured values were validated when they were set, so reading them cannot fail.
void OptionReader::option(const std::string& name, bool& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  if (const auto* configured = find(name, "boolean")) value = parse_boolean(configured->text).value();
}

void OptionReader::option(const std::string& name, std::int64_t& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  if (const auto* configured = find(name, "integer")) value = parse_integer(configured->text).value();
}

void OptionReader::option(const std::string& name, double& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  if (const auto* configured = find(name, "number")) value = parse_number(configured->text).value();
}

void OptionReader::option(const std::string& name, std::string& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  if (const auto* configured = find(name, "text")) value = configured->text;
}

void OptionReader::option(const std::string& name, std::vector<double>& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  const auto* configured = find(name, "list of numbers");
  if (configured == nullptr) return;
  value.clear();
  for (const auto& item : configured->items) value.push_back(parse_number(item).value());
}

void OptionReader::option(const std::string& name, std::vector<std::string>& value, const Constraint& /*constraint*/,
                          const std::string& /*description*/, const std::string& /*paper*/) {
  if (const auto* configured = find(name, "list of texts")) value = configured->items;
}

}  // namespace llama4rec::config
