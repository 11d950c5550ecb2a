// LAYERS: core config SOURCES: src/llm/bpe_tokenizer.cpp src/llm/bpe_merges.cpp src/llm/byte_alphabet.cpp src/llm/chat_template.cpp src/llm/json_reader.cpp src/llm/split_pattern.cpp src/llm/tokenizer.cpp src/llm/tokenizer_json.cpp LIBRARIES: pcre2 utf8proc
// A tokenizer.json with parts of the input in it, and texts of the input: either it is refused by a DataError in one line, or text never
// becomes a control token and (but for NFC and for leading blanks) comes back as it was.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "fuzz_error.h"
#include "llm/bpe_tokenizer.h"

namespace {

using nlohmann::json;

/// A document that is whole: what a fuzzer would hardly find by itself.
json whole_document(bool bytes) {
  json document;
  json vocabulary = json::object();
  int next = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char digits[] = "0123456789ABCDEF";
    const auto name = bytes ? llama4rec::llm::byte_character(static_cast<unsigned char>(byte))
                            : std::string("<0x") + digits[byte / 16] + digits[byte % 16] + '>';
    vocabulary[name] = next++;
  }
  for (const char* piece : {"ab", "abc",
                            "\xC4\xA0"
                            "a",
                            "\xE2\x96\x81",
                            "\xE2\x96\x81"
                            "a",
                            "b", "c"}) {
    if (!vocabulary.contains(piece)) vocabulary[piece] = next++;
  }
  document["model"] = {{"type", "BPE"}, {"byte_fallback", !bytes}, {"vocab", vocabulary}, {"merges", json::array()}};
  document["added_tokens"] = json::array({{{"id", next}, {"content", "<e>"}, {"special", true}}});
  document["decoder"] = {{"type", bytes ? "ByteLevel" : "Fuse"}};
  if (bytes) {
    document["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  } else {
    document["pre_tokenizer"] = {{"type", "Metaspace"}, {"split", false}};
  }
  return document;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llama4rec::llm;
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto cut = input.find('\0');  // the document or its part, then a text
  const auto head = input.substr(0, cut);
  const auto text = cut == std::string::npos ? std::string() : input.substr(cut + 1);
  std::string document = head;
  const auto form = data[0] % 4;
  if (form == 1) {  // a patch of a whole document
    const auto patch = json::parse(head, nullptr, false);
    if (patch.is_discarded()) return 0;
    auto whole = whole_document((data[0] & 4) != 0);
    whole.merge_patch(patch);
    document = whole.dump(-1, ' ', true);
  } else if (form == 2) {  // a pattern
    auto whole = whole_document(true);
    json split = {{"type", "Split"}, {"behavior", "Isolated"}};
    split["pattern"]["Regex"] = head;
    whole["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         json::array({split, {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}})}};
    document = whole.dump(-1, ' ', true, json::error_handler_t::replace);
  } else if (form == 3) {
    document = whole_document((data[0] & 4) != 0).dump();
  }
  std::optional<BpeTokenizer> tokenizer;
  if (!accepts([&] { tokenizer.emplace(document, "tokenizer.json"); })) return 0;
  (void)accepts([&] {  // a pattern may give up on a text
    for (const bool first : {false, true}) {
      const auto tokens = tokenizer->encode(text, first);
      for (const auto token : tokens) {
        if (token < 0 || token >= tokenizer->vocabulary() || !tokenizer->name_of(token).empty()) std::abort();
      }
      const auto back = tokenizer->decode(tokens);
      if (form >= 2 && (data[0] & 4) != 0 && back != text) std::abort();
    }
  });
  return 0;
}
