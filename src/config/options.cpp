#include "config/options.h"

#include "config/option_value.h"

namespace llama4rec::config {

void RowCollector::option(const std::string& name, bool& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  rows_.push_back({name, "boolean", format_boolean(value), constraint, description, paper});
}

void RowCollector::option(const std::string& name, std::int64_t& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  rows_.push_back({name, "integer", std::to_string(value), constraint, description, paper});
}

void RowCollector::option(const std::string& name, double& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  rows_.push_back({name, "number", format_number(value), constraint, description, paper});
}

void RowCollector::option(const std::string& name, std::string& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  rows_.push_back({name, "text", format_text(value), constraint, description, paper});
}

void RowCollector::option(const std::string& name, std::vector<double>& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  std::vector<std::string> elements;
  for (const double element : value) elements.push_back(format_number(element));
  rows_.push_back({name, "list of numbers", format_list(elements), constraint, description, paper});
}

void RowCollector::option(const std::string& name, std::vector<std::string>& value, const Constraint& constraint,
                          const std::string& description, const std::string& paper) {
  std::vector<std::string> elements;
  for (const auto& element : value) elements.push_back(format_text(element));
  rows_.push_back({name, "list of texts", format_list(elements), constraint, description, paper});
}

}  // namespace llama4rec::config
