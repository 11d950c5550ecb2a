// A delimited file with a header, read by column names.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/delimited.h"
#include "data/table_import.h"

namespace llama4rec::data {

/// Rows of a file of an import. The object owns the file's text; it must not move while rows are used.
class ColumnTable {
 public:
  ColumnTable(const std::filesystem::path& file, const std::string& expected, const ImportOptions& options);

  /// Position of a column, or nothing.
  [[nodiscard]] std::optional<std::size_t> find(const std::string& column) const;
  /// Position of a column; DataError with the columns that are there.
  [[nodiscard]] std::size_t require(const std::string& column, const char* option) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// The column holds several values of one cell, separated by spaces (RecBole's token_seq and float_seq).
  [[nodiscard]] bool is_sequence(std::size_t column) const { return sequences_[column]; }

  /// Next row; DataError where it has not as many fields as the header.
  bool next();
  [[nodiscard]] std::string_view cell(std::size_t column) const { return reader_->fields()[column]; }
  /// An id; DataError when it is empty.
  [[nodiscard]] std::string_view id(std::size_t column, const char* what) const;
  /// A finite number.
  [[nodiscard]] double number(std::size_t column, const char* what) const;
  [[noreturn]] void fail(std::size_t column, const std::string& message) const { reader_->fail(column, message); }
  [[nodiscard]] const SourceText& source() const { return source_; }
  [[nodiscard]] std::size_t header_line() const { return header_line_; }

 private:
  void read_header(bool typed);

  SourceText source_;
  std::unique_ptr<DelimitedReader> reader_;
  std::vector<std::string> names_;
  std::vector<bool> sequences_;
  std::size_t header_line_ = 0;  // empty lines may stand before it
};

}  // namespace llama4rec::data
