// Where well-formed UTF-8 stands in bytes that may be anything.
#pragma once

#include <string_view>

#include "core/text.h"

namespace llama4rec::llm {

/// Bytes of the well-formed sequence at the beginning of `text`, which is not empty; 0 where there is none.
inline std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  return length == 1 || text::is_valid_utf8(text.substr(0, length)) ? length : 0;
}

}  // namespace llama4rec::llm
