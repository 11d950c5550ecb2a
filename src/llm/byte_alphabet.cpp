// GPT-2's alphabet; declared in llm/tokenizer_json.h.
#include <array>
#include <unordered_map>

#include "llm/tokenizer_json.h"
#include "llm/utf8.h"

namespace llama4rec::llm {
namespace {

/// Bytes with a visible Latin-1 character are that character; the others are numbered from U+0100 on.
std::array<std::string, 256> make_alphabet() {
  std::array<std::string, 256> alphabet;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const unsigned code = visible ? byte : next++;
    auto& character = alphabet[byte];
    if (code < 0x80) {
      character = static_cast<char>(code);
    } else {
      character = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    }
  }
  return alphabet;
}

const std::array<std::string, 256>& alphabet() {
  static const auto made = make_alphabet();
  return made;
}

}  // namespace

std::string byte_character(unsigned char byte) { return alphabet()[byte]; }

std::optional<std::string> spelled_bytes(const std::string& piece) {
  static const auto bytes = [] {
    std::unordered_map<std::string_view, char> known;
    for (std::size_t byte = 0; byte < 256; ++byte) known.emplace(alphabet()[byte], static_cast<char>(byte));
    return known;
  }();
  std::string spelled;
  for (std::string_view rest = piece; !rest.empty();) {
    const auto length = sequence_length(rest);
    const auto found = bytes.find(rest.substr(0, length));
    if (length == 0 || found == bytes.end()) return std::nullopt;
    spelled += found->second;
    rest.remove_prefix(length);
  }
  return spelled;
}

}  // namespace llama4rec::llm
