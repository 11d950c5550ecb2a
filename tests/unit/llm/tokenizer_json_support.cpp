#include "unit/llm/tokenizer_json_support.h"

#include <cstdlib>

#include <fmt/format.h>

namespace llama4rec::llm::testing {

using nlohmann::json;

namespace {

std::string utf8(unsigned code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

json added(int id, const std::string& content, bool special) {
  return {{"id", id}, {"content", content}, {"special", special}, {"single_word", false}, {"lstrip", false}};
}

}  // namespace

json byte_level_json(const std::vector<std::pair<std::string, std::string>>& merges) {
  json vocabulary = json::object();
  int next = 0;
  // GPT-2's order: the visible characters of Latin-1, then the others as U+0100 and on.
  for (unsigned code = 0x21; code <= 0xFF; ++code) {
    if (code <= 0x7E || (code >= 0xA1 && code != 0xAD)) vocabulary[utf8(code)] = next++;
  }
  for (unsigned code = 0x100; next < 256; ++code) vocabulary[utf8(code)] = next++;
  json list = json::array();
  for (const auto& [left, right] : merges) {
    vocabulary[left + right] = next++;
    list.push_back(left + " " + right);
  }
  json document;
  document["added_tokens"] = json::array({added(next, "<|begin|>", true), added(next + 1, "<|end|>", true),
                                          added(next + 2, "<|eot|>", true), added(next + 3, "<note>", false)});
  document["normalizer"] = nullptr;
  json split = {{"type", "Split"}, {"behavior", "Isolated"}, {"invert", false}};
  split["pattern"]["Regex"] = R"( ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array({split, bytes})}};
  json begin;
  begin["SpecialToken"] = {{"id", "<|begin|>"}, {"type_id", 0}};
  json text;
  text["Sequence"] = {{"id", "A"}, {"type_id", 0}};
  json names;
  names["<|begin|>"] = {{"id", "<|begin|>"}, {"ids", json::array({next})}, {"tokens", json::array({"<|begin|>"})}};
  document["post_processor"] = {
      {"type", "TemplateProcessing"}, {"single", json::array({begin, text})}, {"special_tokens", names}};
  document["decoder"] = {{"type", "ByteLevel"}};
  document["model"] = {{"type", "BPE"},          {"dropout", nullptr},  {"unk_token", nullptr}, {"fuse_unk", false},
                       {"byte_fallback", false}, {"vocab", vocabulary}, {"merges", list}};
  return document;
}

const std::vector<std::pair<std::string, std::string>>& few_merges() {
  static const std::vector<std::pair<std::string, std::string>> merges{
      {"\xC4\xA0", "t"}, {"\xC4\xA0t", "h"}, {"\xC4\xA0th", "e"}, {"i", "n"}, {"in", "g"}, {"s", "t"}};
  return merges;
}

json metaspace_json() {
  const std::string mark = "\xE2\x96\x81";
  json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) vocabulary[fmt::format("<0x{:02X}>", byte)] = 3 + byte;
  int next = 259;
  for (const std::string& piece :
       {mark, std::string("a"), std::string("b"), std::string("c"), std::string("ab"), mark + "ab"}) {
    vocabulary[piece] = next++;
  }
  json document;
  document["added_tokens"] = json::array({added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true)});
  json replace = {{"type", "Replace"}, {"content", mark}};
  replace["pattern"]["String"] = " ";
  const json prepend = {{"type", "Prepend"}, {"prepend", mark}};
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array({prepend, replace})}};
  document["pre_tokenizer"] = nullptr;
  json begin;
  begin["SpecialToken"] = {{"id", "<s>"}, {"type_id", 0}};
  json text;
  text["Sequence"] = {{"id", "A"}, {"type_id", 0}};
  json names;
  names["<s>"] = {{"id", "<s>"}, {"ids", json::array({1})}};
  document["post_processor"] = {
      {"type", "TemplateProcessing"}, {"single", json::array({begin, text})}, {"special_tokens", names}};
  json back = {{"type", "Replace"}, {"content", " "}};
  back["pattern"]["String"] = mark;
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const json fallback = {{"type", "ByteFallback"}};
  const json fuse = {{"type", "Fuse"}};
  document["decoder"] = {{"type", "Sequence"}, {"decoders", json::array({back, fallback, fuse, strip})}};
  document["model"] = {{"type", "BPE"},    {"unk_token", "<unk>"}, {"byte_fallback", true},
                       {"fuse_unk", true}, {"vocab", vocabulary},  {"merges", json::array({"a b", mark + " ab"})}};
  return document;
}

std::optional<std::filesystem::path> published_tokenizer(const std::string& name) {
  const char* folder = std::getenv("LLAMA4REC_TOKENIZERS");
  auto file = folder != nullptr ? std::filesystem::path(folder)
                                : std::filesystem::path(LLAMA4REC_SOURCE_DIR) / "../shared/tokenizers";
  file /= name;
  return std::filesystem::exists(file) ? std::optional(file) : std::nullopt;
}

}  // namespace llama4rec::llm::testing
