// The tokeniser in a tokenizer.model: BPE over characters, by the scores of pieces.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/sentencepiece_model.h"
#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// A sentencepiece model in memory. decode(encode(text)) == text for every byte string where the model has byte fallback: ill-formed
/// UTF-8 and U+2581 (which sentencepiece uses for the blank) are written as byte tokens.
class SentencePieceTokenizer : public Tokenizer {
 public:
  /// Reads a serialised model (the bytes of tokenizer.model); DataError as parse_sentencepiece.
  SentencePieceTokenizer(std::string serialized, const std::string& origin);

  [[nodiscard]] std::string file_name() const override { return "tokenizer.model"; }

 protected:
  void encode_text(std::string_view text, bool first, std::vector<Token>& tokens) const override;
  void encode_byte(char byte, std::vector<Token>& tokens) const override { append_bytes({&byte, 1}, tokens); }

 private:
  /// Well-formed text without U+2581 and NUL.
  void append_plain(std::string_view text, bool blank_first, std::vector<Token>& tokens) const;
  void append_bytes(std::string_view bytes, std::vector<Token>& tokens) const;

  /// The parts of a line that BPE ends with: the neighbours whose union has the highest score are merged, the leftmost first,
  /// until no union is a piece.
  [[nodiscard]] std::vector<std::string_view> merged(std::string_view line) const;

  SentencePieceModel model_;
  std::vector<Token> byte_tokens_;  ///< by byte
  /// Tokens that text can become. Transparent look-up: parts of a line are not copied.
  std::unordered_map<std::string, Token, Hash, std::equal_to<>> token_of_;
};

}  // namespace llama4rec::llm
