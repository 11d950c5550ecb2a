#include "tensor/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <llama4rec/error.h>

namespace llama4rec::tensor {
namespace {

using Json = nlohmann::json;  // sorted: a header with a million keys is still read in no time

constexpr int kDeepest = 4;  // header, entry, list: deeper is no safetensors header
constexpr std::size_t kMostDimensions = 64;
constexpr const char* kMetadata = "__metadata__";

constexpr std::pair<std::string_view, std::uint64_t> kElementSizes[] = {
    {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
    {"I32", 4}, {"I16", 2}, {"I8", 1},  {"BOOL", 1}, {"U8", 1}};

class HeaderParser {
 public:
  HeaderParser(std::uint64_t data_size, std::string file) : data_size_(data_size), file_(std::move(file)) {}

  SafetensorsHeader parse(std::string_view text) const {
    const Json json = parse_json(text);
    if (!json.is_object()) fail("the header is no JSON object");
    SafetensorsHeader header;
    for (const auto& [name, value] : json.items()) {
      if (name == kMetadata) {
        header.metadata = parse_metadata(value);
      } else {
        header.entries.push_back(parse_entry(name, value));
      }
    }
    std::sort(header.entries.begin(), header.entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    check_tiling(header.entries);
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(FileLocation{.file = file_}, "not a valid safetensors file: " + what);
  }

  // A name comes from the file: escaped and cut, so that a message stays one line.
  static std::string quote(const std::string& name) {
    constexpr std::size_t kLongest = 120;
    const std::string quoted = Json(name).dump(-1, ' ', true);
    return quoted.size() <= kLongest ? quoted : quoted.substr(0, kLongest) + "...";
  }

  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    fail("tensor " + quote(name) + ": " + what);
  }

  Json parse_json(std::string_view text) const {
    std::vector<std::set<std::string>> seen(kDeepest + 2);  // keys of the object that is open at each depth
    const auto watch = [&](int depth, Json::parse_event_t event, const Json& parsed) {
      if (depth > kDeepest) fail("the header nests too deep");
      const auto level = static_cast<std::size_t>(depth);
      if (event == Json::parse_event_t::object_start) seen[level + 1].clear();
      if (event == Json::parse_event_t::key && !seen[level].insert(parsed.get<std::string>()).second) {
        fail("the header has the key " + quote(parsed.get<std::string>()) + " twice");
      }
      return true;
    };
    try {
      return Json::parse(text, watch);
    } catch (const Json::parse_error& error) {
      fail("the header is no valid JSON at its byte " + std::to_string(error.byte));
    } catch (const Json::exception&) {  // a number that no type can hold
      fail("the header is no valid JSON");
    }
  }

  std::map<std::string, std::string> parse_metadata(const Json& value) const {
    std::map<std::string, std::string> metadata;
    if (!value.is_object()) fail("__metadata__ is no JSON object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("__metadata__ " + quote(key) + " is no text");
      metadata[key] = text.get<std::string>();
    }
    return metadata;
  }

  HeaderEntry parse_entry(const std::string& name, const Json& value) const {
    if (!value.is_object()) fail(name, "its description is no JSON object");
    HeaderEntry entry;
    entry.name = name;
    if (!value.contains("dtype") || !value["dtype"].is_string()) fail(name, "dtype is missing or no text");
    entry.type = value["dtype"].get<std::string>();
    if (element_size(entry.type) == 0) fail(name, "unknown dtype " + quote(entry.type));
    entry.shape = parse_shape(name, value);
    std::tie(entry.begin, entry.end) = parse_offsets(name, value);
    const std::uint64_t expected = byte_size(name, entry);
    if (entry.end - entry.begin != expected) {
      fail(name,
           fmt::format("its data has {} bytes, expected {} from dtype and shape", entry.end - entry.begin, expected));
    }
    return entry;
  }

  std::vector<std::int64_t> parse_shape(const std::string& name, const Json& value) const {
    if (!value.contains("shape") || !value["shape"].is_array()) fail(name, "shape is missing or no list");
    const Json& sizes = value["shape"];
    if (sizes.size() > kMostDimensions) fail(name, fmt::format("shape has more than {} dimensions", kMostDimensions));
    std::vector<std::int64_t> shape;
    for (const auto& size : sizes) {
      const auto number = unsigned_number(size);
      if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(name, "shape has an element that is no size");
      }
      shape.push_back(static_cast<std::int64_t>(*number));
    }
    return shape;
  }

  std::pair<std::uint64_t, std::uint64_t> parse_offsets(const std::string& name, const Json& value) const {
    if (!value.contains("data_offsets") || !value["data_offsets"].is_array() || value["data_offsets"].size() != 2) {
      fail(name, "data_offsets is missing or no list of two offsets");
    }
    const auto begin = unsigned_number(value["data_offsets"][0]);
    const auto end = unsigned_number(value["data_offsets"][1]);
    if (!begin || !end || *begin > *end) fail(name, "data_offsets are no ascending offsets");
    if (*end > data_size_) {
      fail(name, fmt::format("its data ends at byte {} of {}: the file is cut short or damaged", *end, data_size_));
    }
    return {*begin, *end};
  }

  static std::optional<std::uint64_t> unsigned_number(const Json& value) {
    return value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
  }

  // Zero sizes count as one in the overflow check: libtorch multiplies the others for the strides.
  std::uint64_t byte_size(const std::string& name, const HeaderEntry& entry) const {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t bytes = element_size(entry.type);
    bool empty = false;
    for (const auto size : entry.shape) {
      empty = empty || size == 0;
      const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
      if (bytes > kMost / factor) fail(name, "the product of its shape overflows");
      bytes *= factor;
    }
    return empty ? 0 : bytes;
  }

  void check_tiling(const std::vector<HeaderEntry>& entries) const {
    std::uint64_t covered = 0;
    for (const auto& entry : entries) {
      if (entry.begin < covered)
        fail(entry.name, fmt::format("its data overlaps another tensor's at byte {}", entry.begin));
      if (entry.begin > covered)
        fail(entry.name, fmt::format("no tensor covers the {} bytes before it", entry.begin - covered));
      covered = entry.end;
    }
    if (covered != data_size_) fail(fmt::format("no tensor covers the last {} bytes", data_size_ - covered));
  }

  std::uint64_t data_size_;
  std::string file_;
};

}  // namespace

std::uint64_t element_size(std::string_view type) {
  for (const auto& [name, size] : kElementSizes) {
    if (name == type) return size;
  }
  return 0;
}

SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_size, const std::string& file) {
  return HeaderParser(data_size, file).parse(json);
}

std::string format_header(const SafetensorsHeader& header) {
  auto json = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) json[kMetadata] = header.metadata;
  for (const auto& entry : header.entries) {
    json[entry.name] = {{"dtype", entry.type}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = json.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace llama4rec::tensor
