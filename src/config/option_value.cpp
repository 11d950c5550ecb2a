#include "config/option_value.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "core/text.h"

namespace llama4rec::config {
namespace {

template <class Value>
std::optional<Value> parse_whole(std::string_view text) {
  Value value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool in_range(const Constraint& constraint, double value) {
  return value >= constraint.minimum && value <= constraint.maximum;
}

bool is_choice(const Constraint& constraint, const std::string& value) {
  if (constraint.choices.empty()) return true;
  for (const auto& choice : constraint.choices) {
    if (value == choice) return true;
  }
  return false;
}

// One element: "integer", "number", "text" or "boolean" of the row's type, lists included.
std::optional<std::string> normal_element(const OptionRow& row, const std::string& text) {
  if (row.type == "boolean") {
    const auto value = parse_boolean(text);
    return value ? std::optional(format_boolean(*value)) : std::nullopt;
  }
  if (row.type == "integer") {
    const auto value = parse_integer(text);
    if (!value || !in_range(row.constraint, static_cast<double>(*value))) return std::nullopt;
    return std::to_string(*value);
  }
  if (row.type == "number" || row.type == "list of numbers") {
    const auto value = parse_number(text);
    if (!value || !in_range(row.constraint, *value)) return std::nullopt;
    return format_number(*value);
  }
  if (!is_choice(row.constraint, text)) return std::nullopt;
  return format_text(text);
}

std::string range_text(const Constraint& constraint) {
  const bool below = std::isfinite(constraint.minimum);
  const bool above = std::isfinite(constraint.maximum);
  if (below && above) {
    return fmt::format("from {} to {}", format_number(constraint.minimum), format_number(constraint.maximum));
  }
  if (below) return "of at least " + format_number(constraint.minimum);
  if (above) return "of at most " + format_number(constraint.maximum);
  return "";
}

bool is_plain_scalar(const std::string& value) {
  static constexpr std::string_view kSafe = "_./+-";
  if (value.empty() || value.front() == '-' || value.front() == '.' || value.front() == '+') return false;
  for (const char c : value) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alphanumeric && kSafe.find(c) == std::string_view::npos) return false;
  }
  // Other readers of YAML would take these for something else than a text.
  const std::string lowered = text::lower(value);
  return lowered != "null" && lowered != "y" && lowered != "n" && !parse_boolean(lowered) && !parse_number(value);
}

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string lowered = text::lower(text);
  if (lowered == "true" || lowered == "yes" || lowered == "on") return true;
  if (lowered == "false" || lowered == "no" || lowered == "off") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_whole<std::int64_t>(text); }

std::optional<double> parse_number(std::string_view text) {
  const auto value = parse_whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string format_boolean(bool value) { return value ? "true" : "false"; }

std::string format_number(double value) { return fmt::format("{}", value); }

std::string format_text(const std::string& value) {
  if (is_plain_scalar(value)) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned int>(static_cast<unsigned char>(c)));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string format_list(const std::vector<std::string>& elements) { return "[" + text::join(elements, ", ") + "]"; }

bool is_list(const OptionRow& row) { return row.type.starts_with("list"); }

std::string constraint_text(const OptionRow& row) {
  if (row.type.ends_with("text") || row.type.ends_with("texts")) return text::join(row.constraint.choices, ", ");
  return row.type == "boolean" ? "" : range_text(row.constraint);
}

std::string expectation(const OptionRow& row) {
  if (row.type == "boolean") return "true or false";
  const std::string constraint = constraint_text(row);
  if (row.type == "text") return constraint.empty() ? "a text" : "one of " + constraint;
  if (row.type == "list of texts") return constraint.empty() ? "a list of texts" : "a list out of " + constraint;
  const std::string article = row.type == "integer" ? "an " : "a ";
  return article + row.type + (constraint.empty() ? "" : " " + constraint);
}

std::optional<std::string> normal_form(const OptionRow& row, const ConfiguredValue& value) {
  if (value.is_list != is_list(row)) return std::nullopt;
  if (!value.is_list) return normal_element(row, value.text);
  std::vector<std::string> elements;
  for (const auto& item : value.items) {
    auto element = normal_element(row, item);
    if (!element) return std::nullopt;
    elements.push_back(std::move(*element));
  }
  return format_list(elements);
}

std::optional<std::vector<std::string>> parse_list(const std::string& text) {
  std::vector<std::string> items;
  const auto trimmed = text::trim(text);
  if (trimmed.empty()) return items;
  if (trimmed.front() != '[') {
    for (const auto part : text::split(trimmed, ",")) items.emplace_back(text::trim(part));
    return items;
  }
  try {
    const YAML::Node list = YAML::Load(std::string(trimmed));
    if (!list.IsSequence()) return std::nullopt;
    for (const auto& item : list) {
      if (!item.IsScalar()) return std::nullopt;
      items.push_back(item.Scalar());
    }
  } catch (const YAML::Exception&) {
    return std::nullopt;
  }
  return items;
}

}  // namespace llama4rec::config
