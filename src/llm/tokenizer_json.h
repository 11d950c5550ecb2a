// The content of a tokenizer.json that holds a BPE model. Free of libtorch, so that it can be fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/bpe_merges.h"

namespace llama4rec::llm {

/// What a token of the file is.
enum class TokenKind : std::uint8_t {
  kNone,     ///< the number is not used
  kText,     ///< a piece of text
  kByte,     ///< one byte that no other piece holds: <0x0A>
  kAdded,    ///< text that is added from outside, never read out of data: <tool_call>
  kControl,  ///< special: <|eot_id|>
};

/// When a blank is put before a text.
enum class BlankBefore : std::uint8_t { kNever, kUnlessThereIsOne, kAlways };

/// Everything of the file that decides tokens.
struct TokenizerJson {
  std::vector<std::string> pieces;  ///< by token, as the file writes them
  std::vector<TokenKind> kinds;     ///< by token
  std::vector<Merge> merges;        ///< by rank
  /// Pieces spell bytes, each as a character of GPT-2's alphabet; otherwise they are text with U+2581 for the blank, and bytes of characters
  /// that no piece holds.
  bool byte_level = true;
  bool nfc = false;                      ///< text is normalised to NFC first
  bool whole_words_first = false;        ///< a word that is a piece is that piece (ignore_merges)
  bool split_at_blanks = false;          ///< U+2581: no piece spans a blank
  std::vector<std::string> split_words;  ///< patterns that cut text into words, one after another
  BlankBefore blank_before = BlankBefore::kNever;
  bool strips_blank = false;  ///< decoding takes that blank away again
  std::optional<Token> begin_token;
};

/// DataError naming `file` and the key where the document is damaged or asks for what we lack.
TokenizerJson parse_tokenizer_json(const std::string& text, const std::string& file);

/// U+2581 and GPT-2's alphabet: the character (UTF-8) that stands for a byte in the pieces of byte-level BPE.
std::string byte_character(unsigned char byte);
/// The bytes that a piece of byte-level BPE spells; nothing where it holds a character outside of the alphabet.
std::optional<std::string> spelled_bytes(const std::string& piece);

}  // namespace llama4rec::llm
