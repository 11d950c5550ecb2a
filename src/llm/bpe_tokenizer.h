// The tokeniser in a tokenizer.json: BPE by ranked merges, over bytes (LLaMA-3, Qwen2) or over characters (LLaMA-2, Mistral).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/bpe_merges.h"
#include "llm/split_pattern.h"
#include "llm/tokenizer.h"
#include "llm/tokenizer_json.h"

namespace llama4rec::llm {

/// decode(encode(text)) == text for every byte string, but where the file asks for NFC: well-formed UTF-8 is normalised then. Added tokens
/// that are not special (<think>) are no control tokens, and yet never read out of text: data cannot name them.
class BpeTokenizer : public Tokenizer {
 public:
  /// Reads the bytes of a tokenizer.json; DataError as parse_tokenizer_json. Its end token is to be set: the file names none.
  BpeTokenizer(std::string serialized, const std::string& origin);

  [[nodiscard]] std::string file_name() const override { return "tokenizer.json"; }

 protected:
  void encode_text(std::string_view text, bool first, std::vector<Token>& tokens) const override;
  void encode_byte(char byte, std::vector<Token>& tokens) const override;

 private:
  BpeTokenizer(const TokenizerJson& file, const std::string& origin);
  /// Well-formed text.
  void append_plain(std::string_view text, bool first, std::vector<Token>& tokens) const;
  void append_words(std::string_view text, std::vector<Token>& tokens) const;
  /// A word in the alphabet of the pieces: bytes, or text with U+2581 for the blank.
  void append_word(std::string_view word, std::vector<Token>& tokens) const;

  bool byte_level_;
  bool nfc_;
  bool whole_words_first_;
  bool split_at_blanks_;
  BlankBefore blank_before_;
  std::vector<SplitPattern> split_words_;
  BpeMerges merges_;
  std::vector<Token> byte_tokens_;  ///< by byte
  /// Pieces that text can become, by what they hold: bytes, or text with U+2581 for the blank.
  std::unordered_map<std::string, Token, Hash, std::equal_to<>> token_of_;
  /// Natural text repeats its words: no merging again.
  mutable std::unordered_map<std::string, std::vector<Token>, Hash, std::equal_to<>> words_;
  mutable std::vector<Token> merging_;
};

}  // namespace llama4rec::llm
