#include "llm/bpe_tokenizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/sentencepiece_model.h"
#include "llm/utf8.h"

namespace llama4rec::llm {
namespace {

constexpr std::size_t kCachedWords = 100'000;
constexpr std::size_t kLongestCachedWord = 64;  // bytes

/// Canonical composition of well-formed text.
std::string to_nfc(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (length < 0) throw InternalError(fmt::format("NFC of {} bytes: {}", text.size(), utf8proc_errmsg(length)));
  return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length)};
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string with_blanks(std::string_view piece) {
  std::string text;
  for (std::size_t at = 0; at < piece.size();) {
    const bool blank = piece.substr(at).starts_with(kBlankMark);
    text += blank ? ' ' : piece[at];
    at += blank ? kBlankMark.size() : 1;
  }
  return text;
}

/// <0x0A>; the parser has seen that the number is one.
char byte_of(const std::string& piece) {
  unsigned byte = 0;
  std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  return static_cast<char>(byte);
}

}  // namespace

BpeTokenizer::BpeTokenizer(std::string serialized, const std::string& origin)
    : BpeTokenizer(parse_tokenizer_json(serialized, origin), origin) {
  serialized_ = std::move(serialized);
}

BpeTokenizer::BpeTokenizer(const TokenizerJson& file, const std::string& origin)
    : byte_level_(file.byte_level),
      nfc_(file.nfc),
      whole_words_first_(file.whole_words_first),
      split_at_blanks_(file.split_at_blanks),
      blank_before_(file.blank_before),
      merges_(file.merges),
      byte_tokens_(256) {
  for (const auto& pattern : file.split_words) split_words_.emplace_back(pattern, origin);
  token_bytes_.resize(file.pieces.size());
  token_of_.reserve(file.pieces.size());
  for (std::size_t place = 0; place < file.pieces.size(); ++place) {
    const auto& piece = file.pieces[place];
    const auto token = static_cast<Token>(place);
    auto& bytes = token_bytes_[place];
    switch (file.kinds[place]) {
      case TokenKind::kNone:
        break;
      case TokenKind::kText: {
        const auto spelled = byte_level_ ? spelled_bytes(piece) : std::nullopt;
        bytes = byte_level_ ? spelled.value_or(piece) : with_blanks(piece);
        if (spelled && spelled->size() == 1) byte_tokens_[static_cast<unsigned char>(spelled->front())] = token;
        if (spelled || !byte_level_) token_of_.emplace(byte_level_ ? *spelled : piece, token);
        break;
      }
      case TokenKind::kByte:
        bytes = std::string(1, byte_of(piece));
        byte_tokens_[static_cast<unsigned char>(bytes.front())] = token;
        break;
      case TokenKind::kAdded:
        bytes = piece;
        named_tokens_.emplace(piece, token);
        break;
      case TokenKind::kControl:
        named_tokens_.emplace(piece, token);
        break;
    }
  }
  blank_first_ = file.strips_blank;
  set_begin_token(file.begin_token);
}

void BpeTokenizer::encode_byte(char byte, std::vector<Token>& tokens) const {
  tokens.push_back(byte_tokens_[static_cast<unsigned char>(byte)]);
}

void BpeTokenizer::encode_text(std::string_view text, bool first, std::vector<Token>& tokens) const {
  if (text::is_valid_utf8(text) && (byte_level_ || text.find(kBlankMark) == std::string_view::npos)) {
    append_plain(text, first, tokens);
    return;
  }
  // Bytes that are no UTF-8, and the mark for blanks where blanks have one, are spelled byte by byte.
  std::size_t begin = 0;
  const auto flush = [&](std::size_t end) {
    append_plain(text.substr(begin, end - begin), first && begin == 0, tokens);
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text.substr(at));
    const auto taken = std::max<std::size_t>(length, 1);
    if (length == 0 || (!byte_level_ && text.substr(at, length) == kBlankMark)) {
      flush(at);
      for (const char byte : text.substr(at, taken)) encode_byte(byte, tokens);
      begin = at + taken;
    }
    at += taken;
  }
  flush(text.size());
}

void BpeTokenizer::append_plain(std::string_view text, bool first, std::vector<Token>& tokens) const {
  if (text.empty()) return;
  std::string changed;
  if (nfc_ && !is_ascii(text)) {
    changed = to_nfc(text);
    text = changed;
  }
  const bool blank = first && (blank_before_ == BlankBefore::kAlways ||
                               (blank_before_ == BlankBefore::kUnlessThereIsOne && text.front() != ' '));
  if (byte_level_) {
    if (blank) {
      changed = " " + std::string(text);
      text = changed;
    }
    append_words(text, tokens);
    return;
  }
  std::string line(blank ? kBlankMark : "");
  for (const char byte : text) {
    if (byte == ' ') {
      if (split_at_blanks_ && !line.empty()) append_word(std::exchange(line, {}), tokens);
      line += kBlankMark;
    } else {
      line += byte;
    }
  }
  append_word(line, tokens);
}

void BpeTokenizer::append_words(std::string_view text, std::vector<Token>& tokens) const {
  std::vector<std::string_view> parts{text};
  std::vector<std::string_view> finer;
  for (const auto& pattern : split_words_) {
    finer.clear();
    for (const auto part : parts) pattern.split(part, finer);
    std::swap(parts, finer);
  }
  for (const auto part : parts) append_word(part, tokens);
}

void BpeTokenizer::append_word(std::string_view word, std::vector<Token>& tokens) const {
  const bool cached = word.size() <= kLongestCachedWord;
  if (cached) {
    if (const auto known = words_.find(word); known != words_.end()) {
      tokens.insert(tokens.end(), known->second.begin(), known->second.end());
      return;
    }
  }
  merging_.clear();
  const auto whole = whole_words_first_ ? token_of_.find(word) : token_of_.end();
  if (whole != token_of_.end()) {
    merging_.push_back(whole->second);
  } else if (byte_level_) {
    for (const char byte : word) encode_byte(byte, merging_);
    merges_.apply(merging_);
  } else {
    for (std::size_t at = 0; at < word.size();) {
      const auto character = word.substr(at, std::max<std::size_t>(1, sequence_length(word.substr(at))));
      if (const auto known = token_of_.find(character); known != token_of_.end()) {
        merging_.push_back(known->second);
      } else {
        // Without a piece for the blank: the blank's own byte, or its mark would come back in its place.
        for (const char byte : character == kBlankMark ? " " : character) encode_byte(byte, merging_);
      }
      at += character.size();
    }
    merges_.apply(merging_);
  }
  tokens.insert(tokens.end(), merging_.begin(), merging_.end());
  if (!cached) return;
  if (words_.size() >= kCachedWords) words_.clear();
  words_.emplace(word, merging_);
}

}  // namespace llama4rec::llm
