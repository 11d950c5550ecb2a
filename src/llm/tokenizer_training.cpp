// Training of the tokeniser; declared in llm/embedded_llm.h.
#include <map>
#include <string_view>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/text.h"
#include "llm/bpe_training.h"
#include "llm/embedded_llm.h"
#include "llm/sentencepiece_tokenizer.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kControlPieces = 3;  // unknown, begin, end
constexpr std::int64_t kBytePieces = 256;

/// Bytes to be left out at the beginning of `text`: characters with a meaning of their own in a tokenizer.model (the marks for the
/// blank and for the unknown) and control characters. The text is cut there; no piece spans a cut.
std::size_t left_out(std::string_view text) {
  for (const std::string_view mark : {"\xE2\x96\x81", "\xE2\x96\x85"}) {
    if (text.starts_with(mark)) return mark.size();
  }
  return static_cast<unsigned char>(text[0]) < 0x20 ? 1 : 0;
}

void add_parts(std::string_view text, std::int64_t weight, std::map<std::string, std::int64_t>& parts) {
  std::string part;
  const auto finish = [&] {
    if (!part.empty()) parts[part] += weight;
    part.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    if (const auto dropped = left_out(text.substr(at)); dropped > 0) {
      finish();
      at += dropped;
      continue;
    }
    // No piece goes on behind '<': the names of control and byte pieces cannot arise.
    if (text[at] == '<') {
      part += '<';
      finish();
    } else {
      part += text[at];
    }
    ++at;
  }
  finish();
}

}  // namespace

void train_tokenizer(std::span<const std::pair<std::string, std::int64_t>> weighted_texts, const ModelOptions& options,
                     std::uint64_t /*seed: the training draws nothing*/, const std::filesystem::path& file) {
  std::map<std::string, std::int64_t> parts;  // sorted: the order of the texts does not matter
  for (const auto& [text, weight] : weighted_texts) {
    if (weight < 1) throw UsageError(fmt::format("a text's weight is {}, expected at least 1", weight));
    add_parts(text::to_valid_utf8(text), weight, parts);
  }
  if (parts.empty()) throw DataError("the tokeniser has no text to learn from");
  const auto fixed = kControlPieces + kBytePieces;
  const auto least = fixed + 1;
  if (options.vocabulary < least) {
    throw UsageError(fmt::format("llm.vocabulary is {}, expected at least {}", options.vocabulary, least));
  }
  const auto serialized = serialize_sentencepiece(train_bpe(parts, options.vocabulary, options.piece_length));
  const SentencePieceTokenizer trained(serialized, file.string());
  if (trained.vocabulary() < options.vocabulary) {
    log::debug("the texts support {} pieces of {}", trained.vocabulary(), options.vocabulary);
  }
  write_file_atomically(file, serialized);
}

}  // namespace llama4rec::llm
