// Source files in memory, their lines, and errors that point into them.
#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <llama4rec/error.h>

namespace llama4rec::data {

/// A whole source file. Views into `text` stay valid as long as the object is neither moved nor destroyed.
struct SourceText {
  std::string name;  ///< for messages: the path as it was given
  std::string text;
};

/// Reads a file; DataError when it is missing, unreadable, not a regular file or empty. `expected` says what should be there.
SourceText read_source(const std::filesystem::path& file, const std::string& expected);

/// SHA-256 over several files: for each one its file name without folders, its size and its bytes, in the order given.
std::string source_hash(const std::vector<const SourceText*>& sources);

/// One line of a source file, and errors that name its place.
struct Row {
  const SourceText* source = nullptr;
  std::size_t line = 0;   ///< from 1
  std::string_view text;  ///< without its line end

  /// The place of `at`, a part of this row.
  [[nodiscard]] FileLocation locate(std::string_view at) const;
  /// DataError at the place of `at`.
  [[noreturn]] void fail(std::string_view at, const std::string& message) const;
};

/// Walks over lines that end with LF or CRLF; empty lines are passed over.
class LineReader {
 public:
  explicit LineReader(const SourceText& source) : source_(&source) {}
  bool next(Row& row);

 private:
  const SourceText* source_;
  std::size_t position_ = 0;
  std::size_t line_ = 0;
};

/// Splits a row at a separator into exactly `Array::size()` fields; DataError when there are more or fewer. `layout` tells the
/// expected columns, such as "UserID::MovieID::Rating::Timestamp".
template <class Array>
void split_row(const Row& row, std::string_view separator, const char* layout, Array& fields);

/// A number that takes up the whole of `field`; DataError otherwise. `what` names it in the message.
template <class Number>
Number parse_number(const Row& row, std::string_view field, const char* what);

/// At most 40 characters of a text from a file, fit for a one-line message (control characters and ill-formed bytes replaced).
std::string excerpt(std::string_view text);

/// The text of a latin-1 file as UTF-8.
std::string from_latin1(std::string_view text);

template <class Array>
void split_row(const Row& row, std::string_view separator, const char* layout, Array& fields) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t end = row.text.find(separator, begin);
    const bool last = i + 1 == fields.size();
    if (last != (end == std::string_view::npos)) {
      row.fail(row.text.substr(last ? end : begin), std::string(last ? "too many fields" : "too few fields") +
                                                        ", expected " + layout + ", found \"" + excerpt(row.text) +
                                                        "\"");
    }
    fields[i] = row.text.substr(begin, last ? std::string_view::npos : end - begin);
    begin = last ? begin : end + separator.size();
  }
}

template <class Number>
Number parse_number(const Row& row, std::string_view field, const char* what) {
  Number value{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error == std::errc{} && end == field.data() + field.size()) return value;
  row.fail(field, std::string(what) + " is \"" + excerpt(field) + "\", expected " +
                      (std::is_integral_v<Number> ? "a whole number" : "a number"));
}

}  // namespace llama4rec::data
