#include "llm/sentencepiece_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

static_assert(std::endian::native == std::endian::little, "protocol buffers store little-endian numbers");

// Field numbers of sentencepiece_model.proto.
constexpr std::uint32_t kPieces = 1, kTrainer = 2, kNormalizer = 3;
constexpr std::uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr std::uint32_t kModelType = 3, kVocabularySize = 4, kBlankBehind = 24, kByteFallback = 35;
constexpr std::uint32_t kUnknownId = 40, kBeginId = 41, kEndId = 42;
constexpr std::uint32_t kNormalizerName = 1, kCharacterMap = 2, kDummyPrefix = 3, kRemoveBlanks = 4, kEscapeBlanks = 5;
constexpr std::uint64_t kBpe = 2;

constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types

/// One field of a message.
struct Field {
  std::uint32_t number = 0;
  std::uint32_t wire = 0;
  std::uint64_t value = 0;  ///< of a varint
  std::string_view bytes;   ///< of the others
};

/// Walks over the fields of a message.
class FieldReader {
 public:
  FieldReader(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  bool next(Field& field) {
    if (bytes_.empty()) return false;
    const auto tag = varint();
    field = {.number = static_cast<std::uint32_t>(tag >> 3), .wire = static_cast<std::uint32_t>(tag & 7), .bytes = {}};
    switch (field.wire) {
      case kVarint:
        field.value = varint();
        break;
      case kFixed64:
        field.bytes = take(8);
        break;
      case kBytes:
        field.bytes = take(varint());
        break;
      case kFixed32:
        field.bytes = take(4);
        break;
      default:
        fail();
    }
    return true;
  }
  [[noreturn]] void fail() const {
    throw DataError({.file = origin_}, "this is no sentencepiece model (tokenizer.model), or it is damaged");
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail();
  }
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size()) fail();
    const auto part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }
  std::string_view bytes_;
  const std::string& origin_;
};

Piece parse_piece(std::string_view bytes, const std::string& origin) {
  Piece piece;
  FieldReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.number == kPieceText && field.wire == kBytes) piece.text = field.bytes;
    if (field.number == kPieceScore && field.wire == kFixed32) std::memcpy(&piece.score, field.bytes.data(), 4);
    if (field.number == kPieceType && field.wire == kVarint) {
      if (field.value < 1 || field.value > 6) reader.fail();
      piece.type = static_cast<PieceType>(field.value);
    }
  }
  if (piece.text.empty() || !std::isfinite(piece.score)) reader.fail();
  const auto characters = std::count_if(piece.text.begin(), piece.text.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (piece.type == PieceType::kUnused || (piece.type == PieceType::kUserDefined && characters > 1)) {
    throw DataError({.file = origin},
                    fmt::format("the piece {} is {}, which is not supported", quoted_piece(piece.text),
                                piece.type == PieceType::kUnused ? "unused" : "user-defined"));
  }
  return piece;
}

void parse_trainer(std::string_view bytes, const std::string& origin, SentencePieceModel& model) {
  std::uint64_t type = 1;  // unigram is the format's default
  bool blank_behind = false;
  model.byte_fallback = false;
  FieldReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.wire != kVarint) continue;
    const auto number = static_cast<std::int32_t>(field.value);
    if (field.number == kModelType) type = field.value;
    if (field.number == kBlankBehind) blank_behind = field.value != 0;
    if (field.number == kByteFallback) model.byte_fallback = field.value != 0;
    if (field.number == kUnknownId) model.unknown_token = number;
    if (field.number == kBeginId) model.begin_token = number;
    if (field.number == kEndId) model.end_token = number;
  }
  if (blank_behind) throw DataError({.file = origin}, "the tokeniser puts blanks behind words, expected before them");
  if (type != kBpe) throw DataError({.file = origin}, fmt::format("model type {}, expected {} (BPE)", type, kBpe));
}

void parse_normalizer(std::string_view bytes, const std::string& origin, SentencePieceModel& model) {
  bool removes_blanks = true;
  bool escapes_blanks = true;
  bool maps = false;
  model.blank_first = true;
  FieldReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.number == kCharacterMap) maps = !field.bytes.empty();
    if (field.number == kDummyPrefix) model.blank_first = field.value != 0;
    if (field.number == kRemoveBlanks) removes_blanks = field.value != 0;
    if (field.number == kEscapeBlanks) escapes_blanks = field.value != 0;
  }
  if (maps || removes_blanks || !escapes_blanks) {
    throw DataError(
        {.file = origin},
        "the tokeniser changes characters, removes blanks or does not write them as U+2581; only the identity "
        "normalisation is supported");
  }
}

class FieldWriter {
 public:
  void number(std::uint32_t field, std::uint64_t value) {
    varint(field << 3 | kVarint);
    varint(value);
  }
  void real(std::uint32_t field, float value) {
    varint(field << 3 | kFixed32);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFF);
  }
  void text(std::uint32_t field, std::string_view value) {
    varint(field << 3 | kBytes);
    varint(value.size());
    bytes += value;
  }
  std::string bytes;

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
    bytes += static_cast<char>(value);
  }
};

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& origin) {
  SentencePieceModel model;
  bool has_trainer = false;
  bool has_normalizer = false;
  FieldReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.wire != kBytes) continue;
    if (field.number == kPieces) model.pieces.push_back(parse_piece(field.bytes, origin));
    if (field.number == kTrainer) parse_trainer(field.bytes, origin, model);
    if (field.number == kNormalizer) parse_normalizer(field.bytes, origin, model);
    has_trainer = has_trainer || field.number == kTrainer;
    has_normalizer = has_normalizer || field.number == kNormalizer;
  }
  if (model.pieces.empty() || !has_trainer || !has_normalizer) reader.fail();
  const auto count = static_cast<std::int32_t>(model.pieces.size());
  const auto valid = [&](std::int32_t token) { return token >= 0 && token < count; };
  if (!valid(model.unknown_token)) throw DataError({.file = origin}, "the tokeniser has no unknown token");
  if (!valid(model.begin_token) || !valid(model.end_token)) {
    throw DataError({.file = origin}, "the tokeniser has no begin or no end token");
  }
  for (const auto token : {model.begin_token, model.end_token}) {
    const auto& piece = model.pieces[static_cast<std::size_t>(token)];
    if (piece.type != PieceType::kControl) {
      throw DataError({.file = origin}, fmt::format("token {} ({}) begins or ends texts, but is no control piece",
                                                    token, quoted_piece(piece.text)));
    }
  }
  return model;
}

std::string quoted_piece(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string quoted = "\"";
  for (const char byte : text.substr(0, kLongest)) {
    const auto code = static_cast<unsigned char>(byte);
    quoted += code < 0x20 || code >= 0x7F ? fmt::format("\\x{:02X}", code) : std::string(1, byte);
  }
  return quoted + (text.size() > kLongest ? "...\"" : "\"");
}

std::string serialize_sentencepiece(const SentencePieceModel& model) {
  FieldWriter file;
  for (const auto& piece : model.pieces) {
    FieldWriter message;
    message.text(kPieceText, piece.text);
    message.real(kPieceScore, piece.score);
    if (piece.type != PieceType::kNormal) message.number(kPieceType, static_cast<std::uint64_t>(piece.type));
    file.text(kPieces, message.bytes);
  }
  FieldWriter trainer;
  trainer.number(kModelType, kBpe);
  trainer.number(kVocabularySize, model.pieces.size());
  trainer.number(kByteFallback, model.byte_fallback ? 1 : 0);
  trainer.number(kUnknownId, static_cast<std::uint64_t>(model.unknown_token));
  trainer.number(kBeginId, static_cast<std::uint64_t>(model.begin_token));
  trainer.number(kEndId, static_cast<std::uint64_t>(model.end_token));
  file.text(kTrainer, trainer.bytes);
  FieldWriter normalizer;
  normalizer.text(kNormalizerName, "identity");
  normalizer.number(kDummyPrefix, model.blank_first ? 1 : 0);
  normalizer.number(kRemoveBlanks, 0);
  file.text(kNormalizer, normalizer.bytes);
  return file.bytes;
}

}  // namespace llama4rec::llm
