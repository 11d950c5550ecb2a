// Strict reading of a report's document: every complaint names the place.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::report {

/// A value inside the document and its path, such as `sections[0].blocks[1].caption`. Refers to the document.
class Node {
 public:
  Node(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  /// This is an object with all of `required`, perhaps some of `optional`, and nothing else.
  void expect_fields(std::initializer_list<std::string_view> required,
                     std::initializer_list<std::string_view> optional = {}) const;
  [[nodiscard]] bool has(std::string_view field) const;
  /// The field of an object; it must be there.
  [[nodiscard]] Node at(std::string_view field) const;
  /// The elements of a list.
  [[nodiscard]] std::vector<Node> elements() const;
  [[nodiscard]] const std::string& text() const;
  /// A text that is one of `choices`.
  [[nodiscard]] const std::string& choice(std::initializer_list<std::string_view> choices) const;
  /// A text, or a number as text.
  [[nodiscard]] std::string text_or_number() const;
  /// A number; NaN for null and for what is not finite.
  [[nodiscard]] double number_or_gap() const;
  [[nodiscard]] std::size_t index_below(std::size_t limit) const;
  [[nodiscard]] bool truth() const;
  [[nodiscard]] bool is_text() const { return value_->is_string(); }
  [[nodiscard]] bool is_object() const { return value_->is_object(); }

  /// Throws InternalError: the path, what was expected, what is there.
  [[noreturn]] void fail(std::string_view expected) const;
  /// The same with `found` for what is there.
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const;

 private:
  const nlohmann::json* value_;
  std::string path_;
};

/// A number as a person writes it: 42, 0.0492, 1.5e-07; "–" for NaN.
std::string number_text(double value);

}  // namespace llama4rec::report
