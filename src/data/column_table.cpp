#include "data/column_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text.h"

namespace llama4rec::data {
namespace {

std::string separator_for(const std::filesystem::path& file, const ImportOptions& options) {
  if (options.separator == "\\t" || options.separator == "tab") return "\t";
  if (!options.separator.empty()) return options.separator;
  return file.extension() == ".tsv" || options.typed_headers ? "\t" : ",";
}

}  // namespace

ColumnTable::ColumnTable(const std::filesystem::path& file, const std::string& expected, const ImportOptions& options)
    : source_(read_source(file, expected)) {
  if (options.latin1) {
    source_.text = text::latin1_to_utf8(source_.text);
  } else {
    require_utf8(source_, "UTF-8 (or --latin1)");
  }
  reader_ = std::make_unique<DelimitedReader>(source_, separator_for(file, options),
                                              options.quotes ? Quotes::kRfc4180 : Quotes::kNone);
  read_header(options.typed_headers);
}

void ColumnTable::read_header(bool typed) {
  if (!reader_->next()) throw DataError({.file = source_.name}, "there is no header line");
  header_line_ = reader_->line();
  for (std::size_t i = 0; i < reader_->fields().size(); ++i) {
    std::string name(text::trim(reader_->fields()[i]));
    bool sequence = false;
    if (typed) {
      const auto colon = name.rfind(':');
      const std::string type = colon == std::string::npos ? "" : name.substr(colon + 1);
      if (type != "token" && type != "token_seq" && type != "float" && type != "float_seq") {
        fail(i, "the header's field is \"" + excerpt(name) +
                    "\", expected NAME:TYPE with token, token_seq, float or float_seq");
      }
      sequence = type.ends_with("_seq");
      name.resize(colon);
    }
    if (name.empty()) fail(i, "a column of the header has no name");
    if (find(name)) fail(i, "column \"" + excerpt(name) + "\" occurs a second time in the header");
    names_.push_back(std::move(name));
    sequences_.push_back(sequence);
  }
}

std::optional<std::size_t> ColumnTable::find(const std::string& column) const {
  const auto found = std::find(names_.begin(), names_.end(), column);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

std::size_t ColumnTable::require(const std::string& column, const char* option) const {
  if (const auto found = find(column)) return *found;
  throw DataError({.file = source_.name, .line = header_line_},
                  "there is no column \"" + excerpt(column) + "\", found " + text::join(names_, ", ") +
                      " (name it by " + option + ", and see --separator)");
}

bool ColumnTable::next() {
  if (!reader_->next()) return false;
  if (reader_->fields().size() != names_.size()) {
    fail(names_.size(), "found " + std::to_string(reader_->fields().size()) + " fields, expected " +
                            std::to_string(names_.size()) + " as in the header");
  }
  return true;
}

std::string_view ColumnTable::id(std::size_t column, const char* what) const {
  const auto text = cell(column);
  if (text.empty()) fail(column, std::string("the ") + what + " id is empty");
  return text;
}

double ColumnTable::number(std::size_t column, const char* what) const {
  const auto text = cell(column);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    fail(column, std::string("the ") + what + " is \"" + excerpt(text) + "\", expected a number");
  }
  return value;
}

}  // namespace llama4rec::data
