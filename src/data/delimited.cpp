#include "data/delimited.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace llama4rec::data {
namespace {

/// Line and column of an offset, both from 1, counted from a line's known start.
FileLocation location(const SourceText& source, std::size_t start, std::size_t line, std::size_t offset) {
  const std::string_view before = std::string_view(source.text).substr(start, offset - start);
  const auto newline = before.rfind('\n');
  return {.file = source.name,
          .line = line + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = (newline == std::string_view::npos ? before.size() : before.size() - newline - 1) + 1};
}

}  // namespace

DelimitedReader::DelimitedReader(const SourceText& source, std::string separator, Quotes quotes)
    : source_(&source), separator_(std::move(separator)), quotes_(quotes) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (source.text.starts_with(kByteOrderMark)) position_ = kByteOrderMark.size();
}

bool DelimitedReader::at_line_end() const {
  const std::string_view text = source_->text;
  return position_ >= text.size() || text[position_] == '\n' || text.substr(position_, 2) == "\r\n";
}

bool DelimitedReader::next() {
  const std::string_view text = source_->text;
  while (position_ < text.size() && at_line_end()) {
    position_ += text[position_] == '\r' ? 2 : 1;
    ++line_;
  }
  if (position_ >= text.size()) return false;
  record_line_ = line_;
  record_start_ = position_;
  fields_.clear();
  starts_.clear();
  unescaped_.clear();
  while (true) {
    starts_.push_back(position_);
    if (quotes_ == Quotes::kRfc4180 && position_ < text.size() && text[position_] == '"') {
      read_quoted();
    } else {
      read_plain();
    }
    if (at_line_end()) break;
    position_ += separator_.size();
  }
  if (position_ < text.size()) {
    position_ += text[position_] == '\r' ? 2 : 1;
    ++line_;
  }
  return true;
}

void DelimitedReader::read_plain() {
  const std::string_view text = source_->text;
  const auto line_end = std::min(text.find('\n', position_), text.size());
  auto end = line_end > position_ && line_end < text.size() && text[line_end - 1] == '\r' ? line_end - 1 : line_end;
  const auto found = text.substr(position_, end - position_).find(separator_);
  if (found != std::string_view::npos) end = position_ + found;
  fields_.push_back(text.substr(position_, end - position_));
  position_ = end;
}

void DelimitedReader::read_quoted() {
  const std::string_view text = source_->text;
  const auto opening = position_;
  auto begin = position_ + 1;
  std::string* copy = nullptr;
  while (true) {
    const auto quote = text.find('"', begin);
    if (quote == std::string_view::npos) fail_at(opening, "the quote that opens here is not closed");
    line_ += static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                                 text.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
    const auto part = text.substr(begin, quote - begin);
    const bool doubled = quote + 1 < text.size() && text[quote + 1] == '"';
    if (doubled && copy == nullptr) copy = &unescaped_.emplace_back();
    if (copy != nullptr) copy->append(part);
    if (!doubled) {
      fields_.push_back(copy != nullptr ? std::string_view(*copy) : part);
      position_ = quote + 1;
      break;
    }
    *copy += '"';
    begin = quote + 2;
  }
  if (!at_line_end() && !text.substr(position_).starts_with(separator_)) {
    fail_at(position_,
            "text behind a closing quote, expected the separator or the line's end (a quote inside of a quoted "
            "field is written twice)");
  }
}

void DelimitedReader::fail_at(std::size_t offset, const std::string& message) const {
  throw DataError(location(*source_, record_start_, record_line_, offset), message);
}

void DelimitedReader::fail(std::size_t field, const std::string& message) const {
  if (field < starts_.size()) fail_at(starts_[field], message);
  throw DataError({.file = source_->name, .line = record_line_}, message);
}

void require_utf8(const SourceText& source, const std::string& advice) {
  if (text::is_valid_utf8(source.text)) return;
  const std::string_view text = source.text;
  std::size_t offset = 0;
  std::size_t start = 0;
  std::size_t line = 1;
  while (offset < text.size()) {
    std::size_t length = 1;
    constexpr std::size_t kLongest = 4;
    while (length <= kLongest && !text::is_valid_utf8(text.substr(offset, length))) ++length;
    if (length > kLongest) break;
    if (text[offset] == '\n') {
      start = offset + 1;
      ++line;
    }
    offset += length;
  }
  throw DataError(location(source, start, line, offset), fmt::format("byte 0x{:02X} is not UTF-8, expected {}",
                                                                     static_cast<unsigned char>(text[offset]), advice));
}

}  // namespace llama4rec::data
