// The header of a safetensors file, checked. Free of libtorch, so that it compiles fast and can be fuzzed alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::tensor {

/// One tensor of a header.
struct HeaderEntry {
  std::string name;
  std::string type;                 ///< "F32", "BF16", ...
  std::vector<std::int64_t> shape;  ///< sizes that are not negative and whose product does not overflow
  std::uint64_t begin = 0;          ///< offset of its first byte in the data part
  std::uint64_t end = 0;            ///< offset behind its last byte
};

/// A whole header.
struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;  ///< by offset; they tile the data part without gap or overlap
  std::map<std::string, std::string> metadata;
};

/// Bytes at the start of a file that hold its header's length.
inline constexpr std::uint64_t kHeaderLengthBytes = 8;

/// Longest header that is read, in bytes (as in the reference implementation).
inline constexpr std::uint64_t kLongestHeader = 100'000'000;

/// Bytes of an element of a type's name, or 0 for an unknown one.
std::uint64_t element_size(std::string_view type);

/// Parses a header's JSON and holds it against the data part's size. DataError says what is wrong; `file` is for messages.
SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_size, const std::string& file);

/// The JSON of a header, padded with blanks to a multiple of 8 bytes.
std::string format_header(const SafetensorsHeader& header);

}  // namespace llama4rec::tensor
