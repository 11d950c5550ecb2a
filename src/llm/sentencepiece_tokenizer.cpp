#include "llm/sentencepiece_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <queue>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/utf8.h"

namespace llama4rec::llm {

SentencePieceTokenizer::SentencePieceTokenizer(std::string serialized, const std::string& origin)
    : model_(parse_sentencepiece(serialized, origin)) {
  serialized_ = std::move(serialized);
  byte_tokens_.assign(256, model_.unknown_token);
  token_bytes_.resize(model_.pieces.size());
  std::size_t known_bytes = 0;
  for (std::size_t place = 0; place < model_.pieces.size(); ++place) {
    const auto& piece = model_.pieces[place];
    const auto token = static_cast<Token>(place);
    auto& bytes = token_bytes_[place];
    if (piece.type == PieceType::kByte) {
      unsigned byte = 256;  // <0xAB>
      if (piece.text.size() == 6) std::from_chars(piece.text.data() + 3, piece.text.data() + 5, byte, 16);
      if (byte > 255) {
        throw DataError({.file = origin}, fmt::format("the byte piece {} names no byte", quoted_piece(piece.text)));
      }
      if (byte_tokens_[byte] == model_.unknown_token) ++known_bytes;
      byte_tokens_[byte] = token;
      bytes = std::string(1, static_cast<char>(byte));
    } else if (piece.type == PieceType::kNormal || piece.type == PieceType::kUserDefined) {
      // Of pieces with the same text the first counts.
      token_of_.emplace(piece.text, token);
      for (std::size_t at = 0; at < piece.text.size();) {
        const bool blank = std::string_view(piece.text).substr(at).starts_with(kBlankMark);
        bytes += blank ? ' ' : piece.text[at];
        at += blank ? kBlankMark.size() : 1;
      }
    } else {
      named_tokens_.emplace(piece.text, token);
    }
  }
  if (model_.byte_fallback && known_bytes < byte_tokens_.size()) {
    throw DataError({.file = origin},
                    fmt::format("the tokeniser falls back to bytes, but has only {} of 256 byte pieces", known_bytes));
  }
  blank_first_ = model_.blank_first;
  unknown_token_ = model_.unknown_token;
  set_begin_token(model_.begin_token);
  set_end_tokens({model_.end_token});
}

void SentencePieceTokenizer::append_bytes(std::string_view bytes, std::vector<Token>& tokens) const {
  if (!model_.byte_fallback) {
    tokens.push_back(model_.unknown_token);
    return;
  }
  for (const char byte : bytes) tokens.push_back(byte_tokens_[static_cast<unsigned char>(byte)]);
}

void SentencePieceTokenizer::append_plain(std::string_view text, bool blank_first, std::vector<Token>& tokens) const {
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
      // A model without a piece for the blank: the blank's own byte, or its mark would come back in its place.
      append_bytes(part == kBlankMark ? " " : part, tokens);
    }
  }
}

std::vector<std::string_view> SentencePieceTokenizer::merged(std::string_view line) const {
  struct Part {
    std::string_view text;  // empty: merged into its left neighbour
    std::ptrdiff_t left;
    std::ptrdiff_t right;
  };
  struct Candidate {
    float score;
    std::ptrdiff_t left;
    std::ptrdiff_t right;
    std::size_t size;  // of both parts; another size by now: outdated
    bool operator<(const Candidate& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
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
  std::priority_queue<Candidate> queue;
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
    left.text = line.substr(static_cast<std::size_t>(left.text.data() - line.data()), best.size);
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

void SentencePieceTokenizer::encode_text(std::string_view text, bool first, std::vector<Token>& tokens) const {
  std::size_t begin = 0;  // of the run that is plain
  bool blank_first = first;
  const auto flush = [&](std::size_t end) {
    append_plain(text.substr(begin, end - begin), blank_first, tokens);
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
}

}  // namespace llama4rec::llm
