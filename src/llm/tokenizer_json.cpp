#include "llm/tokenizer_json.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "llm/json_reader.h"
#include "llm/sentencepiece_model.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;

constexpr const char* kGpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::int64_t kLargestVocabulary = 10'000'000;
/// Numbers that no token has: a few, not a table of gigabytes for one absurd number.
constexpr std::int64_t kMostGaps = 100'000;
constexpr const char* kMark = "\xE2\x96\x81";  // kBlankMark

/// Steps of a part of the file that may be missing, single, or a Sequence of several under `list`.
template <class Read>
void for_each_step(const JsonReader& document, const char* key, const char* list, const Read& read) {
  if (!document.has(key)) return;
  const auto whole = document.object(key);
  if (whole.value("type") != "Sequence") {
    read(whole);
    return;
  }
  std::size_t place = 0;
  for (const auto& step : whole.list(list)) {
    read(JsonReader(step, document.file(), fmt::format("{}.{}[{}].", key, list, place++)));
  }
}

class Parser {
 public:
  Parser(const json& document, const std::string& file) : root_(document, file), model_(root_.object("model")) {}

  TokenizerJson parse() {
    check_model();
    read_vocabulary();
    read_added_tokens();
    read_normalizer();
    read_pre_tokenizer();
    read_decoder();
    read_post_processor();
    check_bytes();
    read_merges();
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw DataError({.file = root_.file()}, why); }

  void check_model() {
    (void)model_.one_of("type", {"BPE"});
    model_.expect("dropout", nullptr);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (model_.has(key)) model_.expect(key, "");
    }
    byte_fallback_ = model_.boolean("byte_fallback", false);
    result_.whole_words_first = model_.boolean("ignore_merges", false);
  }

  void read_vocabulary() {
    (void)model_.object("vocab");
    const auto& entries = model_.value("vocab").get_ref<const json::object_t&>();
    const auto& added = root_.has("added_tokens") ? root_.list("added_tokens") : no_tokens_;
    most_tokens_ = std::min(kLargestVocabulary, static_cast<std::int64_t>(entries.size() + added.size()) + kMostGaps);
    if (entries.empty()) model_.fail("vocab", "pieces");
    for (const auto& [piece, number] : entries) {
      if (piece.empty()) refuse("key \"model.vocab\" holds an empty piece");
      if (!number.is_number_unsigned() || number >= most_tokens_) {
        refuse(fmt::format("key \"model.vocab\" has {} for the piece {}, expected an integer from 0 to {}",
                           describe(number), describe(json(piece)), most_tokens_ - 1));
      }
      const auto token = number.get<std::int64_t>();
      if (!place(token, piece, TokenKind::kText)) {
        refuse(fmt::format("key \"model.vocab\" has the token {} twice, the second time as {}", token,
                           describe(json(piece))));
      }
      token_of_.emplace(piece, static_cast<Token>(token));
    }
  }

  /// False where another piece has the number.
  bool place(std::int64_t token, const std::string& piece, TokenKind kind) {
    const auto at = static_cast<std::size_t>(token);
    if (at >= result_.pieces.size()) {
      result_.pieces.resize(at + 1);
      result_.kinds.resize(at + 1, TokenKind::kNone);
    }
    if (result_.kinds[at] != TokenKind::kNone) return false;
    result_.pieces[at] = piece;
    result_.kinds[at] = kind;
    return true;
  }

  void read_added_tokens() {
    if (!root_.has("added_tokens")) return;
    std::size_t at = 0;
    for (const auto& entry : root_.list("added_tokens")) {
      const JsonReader reader(entry, root_.file(), fmt::format("added_tokens[{}].", at++));
      const auto token = reader.integer("id", 0, most_tokens_ - 1, -1);
      const auto content = reader.text("content");
      if (content.empty()) reader.fail("content", "a text that is not empty");
      const auto kind = reader.boolean("special", false) ? TokenKind::kControl : TokenKind::kAdded;
      if (place(token, content, kind)) continue;
      // Many files list pieces of the vocabulary again.
      auto& known = result_.kinds[static_cast<std::size_t>(token)];
      if (result_.pieces[static_cast<std::size_t>(token)] != content || known != TokenKind::kText) {
        reader.fail("id", "a token that is not another piece's");
      }
      known = kind;
    }
  }

  void read_normalizer() {
    bool prepends = false;
    bool replaces = false;
    for_each_step(root_, "normalizer", "normalizers", [&](const JsonReader& step) {
      const auto type = step.choice("type", {"NFC", "Prepend", "Replace"});
      if (type == "NFC") result_.nfc = true;
      if (type == "Prepend") {
        step.expect("prepend", kMark);
        prepends = true;
      }
      if (type == "Replace") {
        step.object("pattern").expect("String", " ");
        step.expect("content", kMark);
        if (!step.object("pattern").has("String")) step.fail("pattern", "a \"String\"");
        replaces = true;
      }
    });
    if (prepends && !replaces) root_.fail("normalizer", "to replace blanks by U+2581 where it puts one before a text");
    if (replaces) result_.byte_level = false;
    if (prepends) result_.blank_before = BlankBefore::kAlways;
  }

  void read_pre_tokenizer() {
    bool byte_level = false;
    for_each_step(root_, "pre_tokenizer", "pretokenizers", [&](const JsonReader& step) {
      if (byte_level || (!result_.byte_level && !result_.split_words.empty())) {
        step.fail("type", "nothing behind the last step (ByteLevel or Metaspace)");
      }
      const auto type = step.choice("type", {"Split", "Digits", "ByteLevel", "Metaspace"});
      if (type == "Split") read_split(step);
      if (type == "Digits") {
        result_.split_words.emplace_back(step.boolean("individual_digits", false) ? "\\p{N}" : "\\p{N}+");
      }
      if (type == "ByteLevel") {
        byte_level = true;
        if (step.boolean("add_prefix_space", true)) {
          if (!result_.split_words.empty()) step.fail("add_prefix_space", "false behind another step");
          result_.blank_before = BlankBefore::kUnlessThereIsOne;
        }
        if (step.boolean("use_regex", true)) result_.split_words.emplace_back(kGpt2Words);
      }
      if (type == "Metaspace") read_metaspace(step);
    });
    if (byte_level && !result_.byte_level) root_.fail("pre_tokenizer", "no ByteLevel where blanks become U+2581");
    if (result_.byte_level && !byte_level) root_.fail("pre_tokenizer", "ByteLevel or Metaspace as its last step");
    if (!result_.byte_level && !result_.split_words.empty()) {
      root_.fail("pre_tokenizer", "no Split or Digits where blanks become U+2581");
    }
    if (!result_.byte_level && !byte_fallback_) model_.fail("byte_fallback", "true");
    if (result_.byte_level && byte_fallback_) model_.fail("byte_fallback", "false where pieces spell bytes");
  }

  void read_split(const JsonReader& step) {
    step.expect("invert", false);
    (void)step.choice("behavior", {"Isolated"});
    const auto pattern = step.object("pattern");
    if (!pattern.has("Regex")) step.fail("pattern", "a \"Regex\"");
    result_.split_words.push_back(pattern.text("Regex"));
  }

  void read_metaspace(const JsonReader& step) {
    step.expect("replacement", kMark);
    result_.byte_level = false;
    result_.split_at_blanks = step.boolean("split", true);
    const bool prefix = step.boolean("add_prefix_space", true);  // older files
    const auto scheme = step.one_of("prepend_scheme", {prefix ? "always" : "never", "first", "never", "always"});
    if (scheme != "never") result_.blank_before = BlankBefore::kUnlessThereIsOne;
  }

  void read_decoder() {
    if (result_.byte_level) {
      (void)root_.object("decoder").choice("type", {"ByteLevel"});
      return;
    }
    result_.strips_blank = result_.blank_before != BlankBefore::kNever;
    for_each_step(root_, "decoder", "decoders", [&](const JsonReader& step) {
      const auto type = step.choice("type", {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"});
      if (type == "Replace") {
        step.object("pattern").expect("String", kMark);
        step.expect("content", " ");
      }
      if (type == "Strip") {
        step.expect("content", " ");
        step.expect("stop", 0);
      }
    });
  }

  /// The begin token: what stands before the text in the template.
  void read_post_processor() {
    for_each_step(root_, "post_processor", "processors", [&](const JsonReader& step) {
      if (step.choice("type", {"ByteLevel", "TemplateProcessing"}) == "ByteLevel") return;
      bool text = false;
      for (const auto& part : step.list("single")) {
        const JsonReader reader(part, root_.file(), step.path_of("single") + ".");
        if (reader.has("Sequence")) {
          if (text) step.fail("single", "the text once");
          text = true;
          continue;
        }
        if (text || result_.begin_token) step.fail("single", "at most one special token, and that before the text");
        result_.begin_token = template_token(step, reader.object("SpecialToken").text("id"));
      }
      if (!text) step.fail("single", "a place for the text");
    });
  }

  Token template_token(const JsonReader& step, const std::string& name) const {
    const auto tokens = step.object("special_tokens");
    const auto entry = tokens.object(name.c_str());
    const auto& ids = entry.list("ids");
    if (ids.size() != 1 || !ids[0].is_number_unsigned() || ids[0] >= result_.kinds.size() ||
        result_.kinds[ids[0].get<std::size_t>()] != TokenKind::kControl) {
      entry.fail("ids", "one special token");
    }
    return ids[0].get<Token>();
  }

  /// Every byte has a piece: otherwise texts would lose what they hold.
  void check_bytes() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const auto piece =
          result_.byte_level ? byte_character(static_cast<unsigned char>(byte)) : fmt::format("<0x{:02X}>", byte);
      const auto found = token_of_.find(piece);
      if (found == token_of_.end() || result_.kinds[static_cast<std::size_t>(found->second)] != TokenKind::kText) {
        refuse(fmt::format("key \"model.vocab\" has no piece {} for the byte {}", describe(json(piece)), byte));
      }
      if (!result_.byte_level) result_.kinds[static_cast<std::size_t>(found->second)] = TokenKind::kByte;
    }
  }

  void read_merges() {
    const auto& merges = model_.list("merges");
    result_.merges.reserve(merges.size());
    std::string joined;
    for (const auto& merge : merges) {
      std::string_view left;
      std::string_view right;
      if (merge.is_string()) {
        const std::string_view both = merge.get_ref<const std::string&>();
        const auto blank = both.find(' ');
        if (blank != std::string_view::npos) {
          left = both.substr(0, blank);
          right = both.substr(blank + 1);
        }
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        left = merge[0].get_ref<const std::string&>();
        right = merge[1].get_ref<const std::string&>();
      }
      joined.assign(left).append(right);
      const auto first = token_of(left);
      const auto second = token_of(right);
      const auto both = token_of(joined);
      if (!first || !second || !both) {
        refuse(fmt::format("key \"model.merges[{}]\" is {}, expected two pieces of the vocabulary whose union is one",
                           result_.merges.size() + skipped_, describe(merge)));
      }
      // A merge must not make a control token, nor a byte's piece, out of text.
      if (kind_of(*both) != TokenKind::kText) {
        ++skipped_;
        continue;
      }
      result_.merges.push_back({.left = *first, .right = *second, .merged = *both});
    }
  }

  [[nodiscard]] std::optional<Token> token_of(std::string_view piece) const {
    const auto found = token_of_.find(piece);
    return found == token_of_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] TokenKind kind_of(Token token) const { return result_.kinds[static_cast<std::size_t>(token)]; }

  JsonReader root_;
  JsonReader model_;
  const json no_tokens_ = json::array();
  bool byte_fallback_ = false;
  std::int64_t most_tokens_ = 0;
  std::size_t skipped_ = 0;
  std::unordered_map<std::string_view, Token> token_of_;  // views of the document's keys
  TokenizerJson result_;
};

}  // namespace

TokenizerJson parse_tokenizer_json(const std::string& text, const std::string& file) {
  const auto document = parse_json(text, file);
  return Parser(document, file).parse();
}

}  // namespace llama4rec::llm
