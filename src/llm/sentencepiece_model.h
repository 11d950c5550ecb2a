// The content of a tokenizer.model: sentencepiece's protocol buffer, read and written by hand.
//
// Debian's (and most other) builds of libsentencepiece carry a private copy of protobuf-lite with exported symbols; libtorch loads
// another version of protobuf, and a process with both dies in its static initialisers. The format is small, and so is the BPE
// algorithm (tokenizer.h), so the library is not linked; the tests compare with its command line tools, in their own process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::llm {

/// U+2581: the blank inside pieces.
inline constexpr std::string_view kBlankMark = "\xE2\x96\x81";

enum class PieceType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct Piece {
  std::string text;  ///< blanks are U+2581
  float score = 0;   ///< of two possible merges the one with the higher score comes first
  PieceType type = PieceType::kNormal;
};

/// A BPE model with the settings that decide its tokens.
struct SentencePieceModel {
  std::vector<Piece> pieces;  ///< by token
  std::int32_t unknown_token = 0;
  std::int32_t begin_token = 1;
  std::int32_t end_token = 2;
  bool byte_fallback = true;
  bool blank_first = false;  ///< a blank is put before a text (add_dummy_prefix)
};

/// DataError naming `origin` where the bytes are no such file, or ask for what we lack: another model type than BPE,
/// normalisation of characters, removal of blanks.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& origin);

/// A piece in a message: in quotes, one short line whatever it holds.
std::string quoted_piece(std::string_view text);

std::string serialize_sentencepiece(const SentencePieceModel& model);

}  // namespace llama4rec::llm
