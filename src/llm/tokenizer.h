// The tokeniser: every byte string is encodable, and there is no way for data to become a control token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace llama4rec::llm {

using Token = std::int32_t;

struct ChatTemplate;

/// What the language model's layer knows of a tokeniser; the kinds of files that checkpoints ship are its implementations
/// (sentencepiece_tokenizer.h, bpe_tokenizer.h), load_tokenizer (tokenizer_files.h) chooses.
///
/// Segments are encoded one by one, so the tokens of a title do not depend on what stands around it. Text never becomes a control token,
/// whatever it contains. Not thread-safe: it remembers the segments that it has seen.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// Tokens of one segment, never a control token. `first` = nothing stands before it: models that put a blank before a text (those
  /// of the original LLaMA, not ours) do so there only. The result lives until the next call.
  [[nodiscard]] const std::vector<Token>& encode(const std::string& segment, bool first = false) const;
  /// prompt_begin(), the segments, prompt_end(). UsageError where that is nothing at all.
  [[nodiscard]] std::vector<Token> encode_prompt(const std::vector<std::string>& segments) const;
  /// Text of the tokens; control tokens are left out. May hold ill-formed UTF-8 where byte tokens say so.
  [[nodiscard]] std::string decode(const std::vector<Token>& tokens) const;

  /// Nothing where the model reads its texts without one (Qwen2).
  [[nodiscard]] std::optional<Token> begin_token() const { return begin_token_; }
  /// Written behind answers.
  [[nodiscard]] Token end_token() const { return end_tokens_.front(); }
  /// Each of them ends a generated answer; end_token() is the first.
  [[nodiscard]] const std::vector<Token>& end_tokens() const { return end_tokens_; }
  /// Not empty; all inside the vocabulary of the model, which may be larger than the tokeniser's.
  void set_end_tokens(std::vector<Token> tokens);

  /// Frames prompts as an instruction-tuned model expects them (chat_template.h), and makes the template's end the first end token.
  /// UsageError where the tokeniser lacks one of the template's control tokens.
  void set_chat_template(const ChatTemplate& chat, const std::string& system_text);
  /// What stands before and behind the segments of a prompt: without a template the begin token, if any, and nothing.
  [[nodiscard]] const std::vector<Token>& prompt_begin() const { return prompt_begin_; }
  [[nodiscard]] const std::vector<Token>& prompt_end() const { return prompt_end_; }
  /// Whether the first segment of a prompt is encoded as `first`.
  [[nodiscard]] bool prompt_starts_text() const { return prompt_starts_text_; }

  [[nodiscard]] std::int64_t vocabulary() const { return static_cast<std::int64_t>(token_bytes_.size()); }
  /// The control (or added) token of that name.
  [[nodiscard]] std::optional<Token> named_token(std::string_view name) const;
  /// The other way round; empty for ordinary tokens.
  [[nodiscard]] std::string name_of(Token token) const;
  [[nodiscard]] std::optional<Token> unknown_token() const { return unknown_token_; }
  /// Whether a blank is put before a text.
  [[nodiscard]] bool puts_blank_first() const { return blank_first_; }

  /// The bytes of the tokeniser's file, and the name that checkpoints give it.
  [[nodiscard]] const std::string& serialized() const { return serialized_; }
  [[nodiscard]] virtual std::string file_name() const = 0;

 protected:
  Tokenizer() = default;
  Tokenizer(Tokenizer&&) = default;
  Tokenizer& operator=(Tokenizer&&) = default;

  /// Appends the tokens of any bytes.
  virtual void encode_text(std::string_view text, bool first, std::vector<Token>& tokens) const = 0;
  /// Appends the tokens that stand for one byte alone.
  virtual void encode_byte(char byte, std::vector<Token>& tokens) const = 0;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::string serialized_;
  std::vector<std::string> token_bytes_;  ///< by token; empty for control tokens
  std::unordered_map<std::string, Token, Hash, std::equal_to<>> named_tokens_;
  /// A blank is put before a text that is `first`, and taken away again when tokens become text.
  bool blank_first_ = false;
  std::optional<Token> unknown_token_;

  /// To be called at the end of a constructor.
  void set_begin_token(std::optional<Token> token);

 private:
  std::optional<Token> begin_token_;
  std::vector<Token> end_tokens_{0};
  std::vector<Token> prompt_begin_;
  std::vector<Token> prompt_end_;
  bool prompt_starts_text_ = true;
  /// Text that would look like the template's own marks has its first character written as a byte.
  std::vector<std::string> guarded_;
  /// Titles come back thousands of times.
  mutable std::unordered_map<std::string, std::vector<Token>> cache_[2];
};

}  // namespace llama4rec::llm
