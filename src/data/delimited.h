// Delimited text: CSV as RFC 4180 has it, TSV, and files with another separator.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/source_text.h"

namespace llama4rec::data {

/// Whether a field may stand between '"', with '"' doubled inside, and then contain separators and line ends.
enum class Quotes { kNone, kRfc4180 };

/// Records of a delimited text, without copying where nothing is escaped. LF and CRLF end a record; empty lines are passed over.
class DelimitedReader {
 public:
  DelimitedReader(const SourceText& source, std::string separator, Quotes quotes);

  /// Reads the next record; false at the end. DataError for a quote that is not closed and for text behind a closing one.
  bool next();
  /// The record's fields, unescaped; valid until the next call.
  [[nodiscard]] const std::vector<std::string_view>& fields() const { return fields_; }
  /// DataError at the place of a field (of the record where `field` is too large).
  [[noreturn]] void fail(std::size_t field, const std::string& message) const;
  /// The line that the record begins in.
  [[nodiscard]] std::size_t line() const { return record_line_; }

 private:
  [[noreturn]] void fail_at(std::size_t offset, const std::string& message) const;
  void read_quoted();
  void read_plain();
  [[nodiscard]] bool at_line_end() const;

  const SourceText* source_;
  std::string separator_;
  Quotes quotes_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;  // of position_
  std::size_t record_line_ = 0;
  std::size_t record_start_ = 0;
  std::vector<std::string_view> fields_;
  std::vector<std::size_t> starts_;
  std::deque<std::string> unescaped_;
};

/// DataError with line and column of the first byte that is not UTF-8, unless the text is valid.
void require_utf8(const SourceText& source, const std::string& advice);

}  // namespace llama4rec::data
