#include "report/document.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"

namespace llama4rec::report {
namespace {

std::string kind_of(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "null";
    case nlohmann::json::value_t::object:
      return "an object";
    case nlohmann::json::value_t::array:
      return "a list";
    case nlohmann::json::value_t::string:
      return "a text";
    case nlohmann::json::value_t::boolean:
      return "a truth value";
    default:
      return "a number";
  }
}

/// An error is one line, whatever the document holds.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown = text::to_valid_utf8(text.substr(0, kShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return fmt::format("\"{}{}\"", shown, text.size() > kShown ? "..." : "");
}

std::string listed(std::initializer_list<std::string_view> names) {
  std::vector<std::string> parts;
  for (const auto name : names) parts.push_back(in_quotes(name));
  return text::join(parts, ", ");
}

bool contains(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void Node::fail(std::string_view expected, std::string_view found) const {
  throw InternalError(
      fmt::format("report document: {}: expected {}, found {}", path_.empty() ? "top level" : path_, expected, found));
}

void Node::fail(std::string_view expected) const { fail(expected, kind_of(*value_)); }

void Node::expect_fields(std::initializer_list<std::string_view> required,
                         std::initializer_list<std::string_view> optional) const {
  if (!value_->is_object()) fail("an object");
  for (const auto name : required) {
    if (!has(name)) fail(fmt::format("the field {}", in_quotes(name)), "none");
  }
  for (const auto& [name, value] : value_->items()) {
    if (contains(required, name) || contains(optional, name)) continue;
    std::string known = listed(required);
    if (optional.size() > 0) known += (known.empty() ? "" : ", ") + listed(optional);
    fail("only " + known, "the field " + in_quotes(name));
  }
}

bool Node::has(std::string_view field) const { return value_->is_object() && value_->contains(field); }

Node Node::at(std::string_view field) const {
  if (!value_->is_object()) fail("an object");
  const auto found = value_->find(field);
  if (found == value_->end()) fail(fmt::format("the field {}", in_quotes(field)), "none");
  return {*found, fmt::format("{}{}{}", path_, path_.empty() ? "" : ".", field)};
}

std::vector<Node> Node::elements() const {
  if (!value_->is_array()) fail("a list");
  std::vector<Node> nodes;
  nodes.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) nodes.emplace_back((*value_)[i], fmt::format("{}[{}]", path_, i));
  return nodes;
}

const std::string& Node::text() const {
  if (!value_->is_string()) fail("a text");
  return value_->get_ref<const std::string&>();
}

const std::string& Node::choice(std::initializer_list<std::string_view> choices) const {
  const std::string& chosen = text();
  if (!contains(choices, chosen)) fail("one of " + listed(choices), in_quotes(chosen));
  return chosen;
}

std::string Node::text_or_number() const {
  if (value_->is_string()) return text();
  if (!value_->is_number()) fail("a text or a number");
  return value_->is_number_float() ? number_text(value_->get<double>()) : value_->dump();
}

double Node::number_or_gap() const {
  if (value_->is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value_->is_number()) fail("a number or null");
  const auto number = value_->get<double>();
  return std::isfinite(number) ? number : std::numeric_limits<double>::quiet_NaN();
}

bool Node::truth() const {
  if (!value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

std::size_t Node::index_below(std::size_t limit) const {
  if (!value_->is_number_integer()) fail("a row's number, from 0");
  const bool in_range =
      (value_->is_number_unsigned() || value_->get<std::int64_t>() >= 0) && value_->get<std::uint64_t>() < limit;
  if (!in_range) fail(fmt::format("a row's number below {}", limit), value_->dump());
  return value_->get<std::size_t>();
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "–";
  constexpr double kExactIntegers = 1e15;
  if (value == std::trunc(value) && std::abs(value) < kExactIntegers) return fmt::format("{:.0f}", value);
  return fmt::format("{:.6g}", value);
}

}  // namespace llama4rec::report
