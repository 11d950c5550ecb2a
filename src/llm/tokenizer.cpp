#include "llm/tokenizer.h"

#include <algorithm>
#include <charconv>
#include <queue>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::llm {
namespace {

constexpr std::size_t kCachedSegments = 200'000;

/// Length of the well-formed UTF-8 sequence at the beginning of `text`; 0 where there is none.
std::size_t sequence_length(std::string_view text) {
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

}  // namespace

Tokenizer::Tokenizer(std::string serialized, const std::string& origin)
    : serialized_(std::move(serialized)), model_(parse_sentencepiece(serialized_, origin)) {
  byte_tokens_.assign(256, model_.unknown_token);
  piece_bytes_.resize(model_.pieces.size());
  for (std::size_t token = 0; token < model_.pieces.size(); ++token) {
    const auto& piece = model_.pieces[token];
    auto& bytes = piece_bytes_[token];
    if (piece.type == PieceType::kByte) {
      unsigned byte = 256;  // <0xAB>
      if (piece.text.size() == 6) std::from_chars(piece.text.data() + 3, piece.text.data() + 5, byte, 16);
      if (byte > 255) throw DataError({.file = origin}, fmt::format("the byte piece \"{}\" names no byte", piece.text));
      byte_tokens_[byte] = static_cast<Token>(token);
      bytes = std::string(1, static_cast<char>(byte));
    } else if (piece.type == PieceType::kNormal || piece.type == PieceType::kUserDefined) {
      // Of pieces with the same text the first counts.
      token_of_.emplace(piece.text, static_cast<Token>(token));
      for (std::size_t at = 0; at < piece.text.size();) {
        const bool blank = std::string_view(piece.text).substr(at).starts_with(kBlankMark);
        bytes += blank ? ' ' : piece.text[at];
        at += blank ? kBlankMark.size() : 1;
      }
    }
  }
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

void Tokenizer::append_bytes(std::string_view bytes, std::vector<Token>& tokens) const {
  if (!model_.byte_fallback) {
    tokens.push_back(model_.unknown_token);
    return;
  }
  for (const char byte : bytes) tokens.push_back(byte_tokens_[static_cast<unsigned char>(byte)]);
}

void Tokenizer::append_text(std::string_view text, bool blank_first, std::vector<Token>& tokens) const {
  if (text.empty()) return;
  std::string line(model_.blank_first && blank_first ? kBlankMark : "");
  for (const char byte : text) {
    if (byte == ' ') {
      line += kBlankMark;
    } else {
      line += byte;
    }
  }
  for (const auto part : merged(line)) {
    if (const auto known = token_of_.find(part); known != token_of_.end()) {
      tokens.push_back(known->second);
    } else {
      append_bytes(part, tokens);
    }
  }
}

std::vector<std::string_view> Tokenizer::merged(std::string_view line) const {
  struct Part {
    std::string_view text;  // empty: merged into its left neighbour
    std::ptrdiff_t left;
    std::ptrdiff_t right;
  };
  struct Merge {
    float score;
    std::ptrdiff_t left;
    std::ptrdiff_t right;
    std::size_t size;  // of both parts; another size by now: outdated
    bool operator<(const Merge& other) const { return score != other.score ? score < other.score : left > other.left; }
  };
  std::vector<Part> parts;
  for (std::size_t at = 0; at < line.size();) {
    const auto length = std::max<std::size_t>(1, sequence_length(line.substr(at)));
    const auto place = static_cast<std::ptrdiff_t>(parts.size());
    parts.push_back({.text = line.substr(at, length), .left = place - 1, .right = place + 1});
    at += length;
  }
  const auto part = [&](std::ptrdiff_t place) -> Part& { return parts[static_cast<std::size_t>(place)]; };
  const auto count = static_cast<std::ptrdiff_t>(parts.size());
  std::priority_queue<Merge> queue;
  const auto offer = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right >= count) return;
    const std::string_view both(part(left).text.data(), part(left).text.size() + part(right).text.size());
    const auto known = token_of_.find(both);
    if (known == token_of_.end()) return;
    queue.push({.score = model_.pieces[static_cast<std::size_t>(known->second)].score,
                .left = left,
                .right = right,
                .size = both.size()});
  };
  for (std::ptrdiff_t place = 0; place + 1 < count; ++place) offer(place, place + 1);
  while (!queue.empty()) {
    const auto best = queue.top();
    queue.pop();
    auto& left = part(best.left);
    auto& right = part(best.right);
    if (left.text.empty() || right.text.empty() || left.right != best.right ||
        left.text.size() + right.text.size() != best.size) {
      continue;
    }
    left.text = {left.text.data(), best.size};
    left.right = right.right;
    right.text = {};
    if (left.right < count) part(left.right).left = best.left;
    offer(left.left, best.left);
    offer(best.left, left.right);
  }
  std::vector<std::string_view> result;
  for (const auto& item : parts) {
    if (!item.text.empty()) result.push_back(item.text);
  }
  return result;
}

const std::vector<Token>& Tokenizer::encode(const std::string& segment, bool first) const {
  auto& cache = cache_[first && model_.blank_first ? 1 : 0];
  if (const auto known = cache.find(segment); known != cache.end()) return known->second;
  std::vector<Token> tokens;
  const std::string_view text = segment;
  std::size_t begin = 0;  // of the run that sentencepiece may read
  bool blank_first = first;
  const auto flush = [&](std::size_t end) {
    append_text(text.substr(begin, end - begin), blank_first, tokens);
    if (end > begin) blank_first = false;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text.substr(at));
    const bool plain = length > 0 && text.substr(at, length) != kBlankMark && text[at] != '\0';
    if (!plain) {
      flush(at);
      append_bytes(text.substr(at, length > 0 ? length : 1), tokens);
      blank_first = false;
      begin = at + (length > 0 ? length : 1);
    }
    at += length > 0 ? length : 1;
  }
  flush(text.size());
  if (cache.size() >= kCachedSegments) cache.clear();
  return cache.emplace(segment, std::move(tokens)).first->second;
}

std::vector<Token> Tokenizer::encode_prompt(const std::vector<std::string>& segments) const {
  std::vector<Token> tokens{begin_token()};
  for (const auto& segment : segments) {
    const auto& part = encode(segment, tokens.size() == 1);
    tokens.insert(tokens.end(), part.begin(), part.end());
  }
  return tokens;
}

std::string Tokenizer::decode(const std::vector<Token>& tokens) const {
  std::string text;
  for (const Token token : tokens) {
    if (token < 0 || token >= vocabulary()) {
      throw UsageError(fmt::format("token {} lies outside the vocabulary of {} pieces", token, vocabulary()));
    }
    text += piece_bytes_[static_cast<std::size_t>(token)];
  }
  // The blank that the model puts before a text is none of the text's own.
  if (model_.blank_first && !text.empty() && text.front() == ' ') text.erase(0, 1);
  return text;
}

}  // namespace llama4rec::llm
