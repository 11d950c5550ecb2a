#include "report/html.h"

#include <array>
#include <cctype>
#include <cstdint>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/text.h"

namespace llama4rec::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
}

/// Line ends of other systems are line ends here too; a lone control character is shown as such.
std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') result += '\n';
    } else if (is_control(text[i])) {
      result += kReplacement;
    } else {
      result += text[i];
    }
  }
  return result;
}

unsigned hex_digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }

std::string base64_of_hex(std::string_view hex) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : hex) {
    bits = (bits << 4) | hex_digit(c);
    count += 4;
    if (count >= 6) {
      count -= 6;
      result += kAlphabet[(bits >> count) & 63U];
    }
  }
  if (count > 0) result += kAlphabet[(bits << (6 - count)) & 63U];
  while (result.size() % 4 != 0) result += '=';
  return result;
}

}  // namespace

std::string escape(std::string_view text) { return text::escape_html(printable(text::to_valid_utf8(text))); }

std::string json_for_script(const nlohmann::json& value) {
  const std::string plain = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string result;
  result.reserve(plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (c == '<') {
      result += "\\u003c";
    } else if (c == '>') {
      result += "\\u003e";
    } else if (c == '&') {
      result += "\\u0026";
    } else if (plain.compare(i, 3, "\xE2\x80\xA8") == 0 || plain.compare(i, 3, "\xE2\x80\xA9") == 0) {
      result += plain[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      result += c;
    }
  }
  return result;
}

std::string relative_link(std::string_view path) {
  std::string link;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos);
    link += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return link;
}

std::string policy_hash(std::string_view content) { return "sha256-" + base64_of_hex(sha256(content)); }

}  // namespace llama4rec::report
