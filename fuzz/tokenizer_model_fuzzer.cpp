// LAYERS: core config SOURCES: src/llm/sentencepiece_model.cpp src/llm/sentencepiece_tokenizer.cpp src/llm/tokenizer.cpp src/llm/chat_template.cpp
// Any bytes as a tokenizer.model: either they are refused by a DataError in one line, or text never becomes a control token and comes back
// where the model has its bytes; and the model reads back from what we write of it.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "fuzz_error.h"
#include "llm/sentencepiece_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llama4rec::llm;
  if (size == 0) return 0;
  // The last bytes are a text, as many as the first byte says.
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto text_size = std::min<std::size_t>(data[0], input.size());
  const auto bytes = input.substr(0, input.size() - text_size);
  const auto text = input.substr(input.size() - text_size);
  std::optional<SentencePieceTokenizer> tokenizer;
  if (!accepts([&] { tokenizer.emplace(bytes, "tokenizer.model"); })) return 0;
  const auto model = parse_sentencepiece(bytes, "tokenizer.model");
  const auto again = parse_sentencepiece(serialize_sentencepiece(model), "again");
  if (again.pieces.size() != model.pieces.size() || again.end_token != model.end_token) std::abort();
  const auto tokens = tokenizer->encode(text);
  for (const auto token : tokens) {
    if (token < 0 || token >= tokenizer->vocabulary()) std::abort();
    if (token != model.unknown_token && !tokenizer->name_of(token).empty()) std::abort();
  }
  const auto back = tokenizer->decode(tokens);
  if (model.byte_fallback && !model.blank_first && back != text) std::abort();
  return 0;
}
