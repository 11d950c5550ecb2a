// The tokeniser: sentencepiece pieces, with every byte string encodable and no way for data to become a control token.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/sentencepiece_model.h"

namespace llama4rec::llm {

using Token = std::int32_t;

/// A sentencepiece model in memory. Segments are encoded one by one, so the tokens of a title do not depend on what stands
/// around it. decode(encode(text)) == text for every byte string where the model has byte fallback: ill-formed UTF-8 and U+2581
/// (which sentencepiece uses for the blank) are written as byte tokens.
class Tokenizer {
 public:
  /// Reads a serialised model (the bytes of tokenizer.model); DataError as parse_sentencepiece.
  Tokenizer(std::string serialized, const std::string& origin);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// Tokens of one segment, never a control token. `first` = nothing stands before it: models that put a blank before a text (those
  /// of the original LLaMA, not ours) do so there only.
  [[nodiscard]] const std::vector<Token>& encode(const std::string& segment, bool first = false) const;
  /// The begin token, then the segments.
  [[nodiscard]] std::vector<Token> encode_prompt(const std::vector<std::string>& segments) const;
  /// Text of the tokens; control tokens are left out. May hold ill-formed UTF-8 where byte tokens say so.
  [[nodiscard]] std::string decode(const std::vector<Token>& tokens) const;

  [[nodiscard]] Token begin_token() const { return model_.begin_token; }
  [[nodiscard]] Token end_token() const { return model_.end_token; }
  [[nodiscard]] std::int64_t vocabulary() const { return static_cast<std::int64_t>(piece_bytes_.size()); }
  /// The bytes of tokenizer.model.
  [[nodiscard]] const std::string& serialized() const { return serialized_; }

 private:
  void append_text(std::string_view text, bool blank_first, std::vector<Token>& tokens) const;
  void append_bytes(std::string_view bytes, std::vector<Token>& tokens) const;

  /// The parts of a line that BPE ends with: the neighbours whose union has the highest score are merged, the leftmost first,
  /// until no union is a piece.
  [[nodiscard]] std::vector<std::string_view> merged(std::string_view line) const;

  std::string serialized_;
  SentencePieceModel model_;
  std::vector<Token> byte_tokens_;        ///< by byte
  std::vector<std::string> piece_bytes_;  ///< by token; empty for control tokens
  /// Tokens that text can become. Transparent look-up: parts of a line are not copied.
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Token, Hash, std::equal_to<>> token_of_;
  /// Titles come back thousands of times.
  mutable std::unordered_map<std::string, std::vector<Token>> cache_[2];
};

}  // namespace llama4rec::llm
