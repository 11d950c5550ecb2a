#include "data/source_text.h"

#include <algorithm>

#include "core/atomic_file.h"
#include "core/digest.h"
#include "core/text.h"

namespace llama4rec::data {

SourceText read_source(const std::filesystem::path& file, const std::string& expected) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  const FileLocation place{.file = file.string()};
  if (!std::filesystem::exists(status)) throw DataError(place, "no such file, expected " + expected);
  if (!std::filesystem::is_regular_file(status)) throw DataError(place, "not a regular file, expected " + expected);
  SourceText source{.name = file.string(), .text = read_file(file)};
  if (source.text.empty()) throw DataError(place, "the file is empty, expected " + expected);
  return source;
}

std::string source_hash(const std::vector<const SourceText*>& sources) {
  Digest digest(DigestKind::kSha256);
  for (const SourceText* source : sources) {
    digest.update(std::filesystem::path(source->name).filename().string() + " " + std::to_string(source->text.size()) +
                  "\n");
    digest.update(source->text);
  }
  return digest.finish();
}

FileLocation Row::locate(std::string_view at) const {
  const bool inside = at.data() >= text.data() && at.data() <= text.data() + text.size();
  return {
      .file = source->name, .line = line, .column = inside ? static_cast<std::size_t>(at.data() - text.data()) + 1 : 0};
}

void Row::fail(std::string_view at, const std::string& message) const { throw DataError(locate(at), message); }

bool LineReader::next(Row& row) {
  const std::string_view text = source_->text;
  while (position_ < text.size()) {
    const std::size_t end = std::min(text.find('\n', position_), text.size());
    std::string_view line = text.substr(position_, end - position_);
    position_ = end + 1;
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    row = {.source = source_, .line = line_, .text = line};
    return true;
  }
  return false;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLength = 40;
  std::string shown = text::to_valid_utf8(text.substr(0, kLength));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = c == '\t' ? ' ' : '?';
  }
  if (text.size() > kLength) shown += "...";
  return shown;
}

std::string from_latin1(std::string_view text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? std::string(text) : text::latin1_to_utf8(text);
}

}  // namespace llama4rec::data
