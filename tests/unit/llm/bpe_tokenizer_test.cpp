#include "llm/bpe_tokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/random.h"
#include "llm/sentencepiece_tokenizer.h"
#include "unit/llm/tokenizer_json_support.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;
using testing::byte_level_json;
using ::testing::ElementsAre;
using testing::few_merges;
using ::testing::HasSubstr;
using testing::metaspace_json;
using testing::published_tokenizer;

constexpr Token kBegin = 262, kEndOfText = 263, kEot = 264, kNote = 265;

BpeTokenizer make(const json& document) { return {document.dump(), "tokenizer.json"}; }

std::string fault(const json& document) {
  try {
    (void)make(document);
  } catch (const DataError& error) {
    return error.what();
  }
  return "read";
}

TEST(BpeTokenizer, MergesTheBestRankedNeighboursFirst) {
  const auto tokenizer = make(byte_level_json(few_merges()));
  EXPECT_THAT(tokenizer.encode(" the"), ElementsAre(258));
  EXPECT_THAT(tokenizer.encode("the"), ElementsAre(83, 71, 68)) << "no merge without the blank";
  EXPECT_THAT(tokenizer.encode("sting"), ElementsAre(261, 260)) << "s t comes last, and yet nothing hinders it";
  EXPECT_THAT(tokenizer.encode(" thing"), ElementsAre(257, 260));
  EXPECT_THAT(tokenizer.encode("inin"), ElementsAre(259, 259));
  EXPECT_THAT(tokenizer.encode(""), ElementsAre());
  EXPECT_EQ(tokenizer.vocabulary(), 266);
  // Ranks decide, not places: with "b c" before "a b", abc is a + bc.
  const auto ranked = make(byte_level_json({{"b", "c"}, {"a", "b"}, {"ab", "c"}}));
  EXPECT_THAT(ranked.encode("abc"), ElementsAre(64, 256));
  EXPECT_THAT(ranked.encode("abab"), ElementsAre(257, 257));
  // Of equal ranks the leftmost: aaa is aa + a.
  EXPECT_THAT(make(byte_level_json({{"a", "a"}})).encode("aaa"), ElementsAre(256, 64));
}

TEST(BpeTokenizer, MergesAsAPlainSearchDoes) {
  // An independent statement of the rule: look for the best pair, merge its leftmost place, begin again.
  std::vector<Merge> merges;
  RandomStream random(7, "merges");
  Token next = 4;
  for (int i = 0; i < 60; ++i) {
    const auto pick = [&] { return static_cast<Token>(random.below(static_cast<std::uint64_t>(next))); };
    merges.push_back({.left = pick(), .right = pick(), .merged = next});
    ++next;
  }
  const BpeMerges table(merges);
  for (int round = 0; round < 300; ++round) {
    std::vector<Token> tokens(random.below(80));
    for (auto& token : tokens) token = static_cast<Token>(random.below(4));
    auto expected = tokens;
    for (bool merged = true; merged;) {
      merged = false;
      for (const auto& merge : merges) {  // the first that is found has the best rank
        for (std::size_t i = 0; i + 1 < expected.size() && !merged; ++i) {
          if (expected[i] != merge.left || expected[i + 1] != merge.right) continue;
          expected[i] = merge.merged;
          expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(i) + 1);
          merged = true;
        }
        if (merged) break;
      }
    }
    // A pair may stand twice in the list; the first rank counts in both.
    table.apply(tokens);
    ASSERT_EQ(tokens, expected) << "round " << round;
  }
}

TEST(BpeTokenizer, NoPieceSpansWordsOfThePattern) {
  const auto tokenizer = make(byte_level_json({{"a", "1"}, {"1", "2"}, {"12", "3"}, {"3", "4"}, {"!", "\xC4\xA0"}}));
  EXPECT_THAT(tokenizer.encode("a1"), ElementsAre(64, 16)) << "letters and digits are different words";
  EXPECT_THAT(tokenizer.encode("1234"), ElementsAre(258, 19)) << "three digits at most";
  EXPECT_THAT(tokenizer.encode("! a"), ElementsAre(0, 220, 64)) << "the blank belongs to the next word";
}

TEST(BpeTokenizer, TakesWholeWordsFirstWhereTheFileSaysSo) {
  auto document = byte_level_json({{"a", "b"}, {"c", "d"}, {"b", "c"}});
  document["model"]["vocab"]["abcd"] = 263;  // no merge leads there
  document["added_tokens"] = json::array();
  document["post_processor"] = nullptr;
  EXPECT_THAT(make(document).encode("abcd"), ElementsAre(256, 257));
  document["model"]["ignore_merges"] = true;
  EXPECT_THAT(make(document).encode("abcd"), ElementsAre(263));
  EXPECT_THAT(make(document).encode("abcda"), ElementsAre(256, 257, 64));
}

TEST(BpeTokenizer, GivesEveryByteStringBack) {
  const auto tokenizer = make(byte_level_json(few_merges()));
  RandomStream random(3, "bytes");
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (auto n = random.below(40); n > 0; --n) {
      bytes += static_cast<char>(random.below(2) == 0 ? random.below(128) : 0xC0 + random.below(64));
      if (random.below(2) == 0) bytes += static_cast<char>(0x80 + random.below(64));
    }
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
  }
}

TEST(BpeTokenizer, NeverReadsControlTokensOutOfText) {
  auto document = byte_level_json(few_merges());
  document["model"]["ignore_merges"] = true;
  const auto tokenizer = make(document);
  for (const std::string text : {"<|end|>", "a<|eot|>b", "<note>", "<|begin|><|end|>", " <|end|>"}) {
    const auto& tokens = tokenizer.encode(text);
    EXPECT_THAT(tokens, ::testing::Each(::testing::Lt(kBegin))) << text;
    EXPECT_EQ(tokenizer.decode(tokens), text);
  }
  EXPECT_EQ(tokenizer.named_token("<|eot|>"), kEot);
  EXPECT_EQ(tokenizer.decode({kBegin, 258, kEndOfText, kNote, kEot}), " the<note>") << "special tokens are no text";
}

TEST(BpeTokenizer, NeverMergesTextIntoAControlToken) {
  // A file whose merges spell its own end token, which is a whole word at that.
  auto document = byte_level_json({{"<", "e"}, {"<e", ">"}});
  document["added_tokens"] = json::array({{{"id", 257}, {"content", "<e>"}, {"special", true}}});
  document["post_processor"] = nullptr;
  document["model"]["ignore_merges"] = true;
  document["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\s+";
  EXPECT_THAT(make(document).encode("<e>"), ElementsAre(256, 29));
}

TEST(BpeTokenizer, PutsTheTemplatesBeginTokenBeforePrompts) {
  auto document = byte_level_json(few_merges());
  EXPECT_EQ(make(document).begin_token(), kBegin);
  EXPECT_THAT(make(document).encode_prompt({" the", "ing", ""}), ElementsAre(kBegin, 258, 260));
  document["post_processor"] = {{"type", "ByteLevel"}};
  const auto without = make(document);
  EXPECT_EQ(without.begin_token(), std::nullopt);
  EXPECT_THAT(without.encode_prompt({" the"}), ElementsAre(258));
  EXPECT_THROW((void)without.encode_prompt({""}), UsageError) << "there would be nothing to read";
}

TEST(BpeTokenizer, ReadsMergesInBothForms) {
  auto document = byte_level_json(few_merges());
  json pairs = json::array();
  for (const auto& [left, right] : few_merges()) pairs.push_back(json::array({left, right}));
  document["model"]["merges"] = pairs;
  EXPECT_THAT(make(document).encode(" the sting"), ElementsAre(258, 220, 261, 260));
}

TEST(BpeTokenizer, NormalisesToNfcOnlyWhereTheFileAsksForIt) {
  const std::string composed = "Caf\xC3\xA9";
  const std::string decomposed = "Cafe\xCC\x81";
  auto document = byte_level_json(few_merges());
  EXPECT_NE(make(document).encode(decomposed), make(document).encode(composed));
  document["normalizer"] = {{"type", "NFC"}};
  const auto tokenizer = make(document);
  EXPECT_EQ(tokenizer.encode(decomposed), tokenizer.encode(composed));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(decomposed)), composed);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("\xFF" + decomposed + "\xE2\x82")), "\xFF" + composed + "\xE2\x82")
      << "bytes that are no UTF-8 stay";
}

TEST(BpeTokenizer, CutsTextByTheDefaultPatternWhereThereIsNoOther) {
  auto document = byte_level_json({{"'", "s"}, {"\xC4\xA0", "a"}, {"1", "2"}, {"12", "3"}, {"123", "4"}});
  document["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  EXPECT_THAT(make(document).encode("a's a1234"), ElementsAre(64, 256, 257, 260)) << "digits of any number";
  document["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_THAT(make(document).encode("a", true), ElementsAre(257));
  EXPECT_THAT(make(document).encode("a", false), ElementsAre(64));
  EXPECT_THAT(make(document).encode(" a", true), ElementsAre(257)) << "not twice";
  document["pre_tokenizer"]["use_regex"] = false;
  document["pre_tokenizer"]["add_prefix_space"] = false;
  EXPECT_THAT(make(document).encode("a1"), ElementsAre(64, 16));
}

TEST(BpeTokenizer, CutsDigitsOneByOneWhereTheFileAsksForIt) {
  auto document = byte_level_json({{"1", "2"}});
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  json digits = {{"type", "Digits"}, {"individual_digits", true}};
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array({digits, bytes})}};
  EXPECT_THAT(make(document).encode("12"), ElementsAre(16, 17));
  document["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = false;
  EXPECT_THAT(make(document).encode("12"), ElementsAre(256));
}

TEST(BpeTokenizer, ReadsThePiecesOfCharactersThatLlama2Ships) {
  const auto tokenizer = make(metaspace_json());
  EXPECT_THAT(tokenizer.encode("ab ab", true), ElementsAre(264, 264));
  EXPECT_THAT(tokenizer.encode("ab ab", false), ElementsAre(263, 264)) << "no blank behind another segment";
  EXPECT_THAT(tokenizer.encode(" ab", true), ElementsAre(259, 264)) << "its own blank, and the one put before it";
  EXPECT_THAT(tokenizer.encode("d\n"), ElementsAre(3 + 'd', 3 + '\n')) << "bytes of what no piece holds";
  EXPECT_THAT(tokenizer.encode_prompt({"ab", "c"}), ElementsAre(1, 264, 262));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode_prompt({"ab", " c\xC3\xA9\xFF"})), "ab c\xC3\xA9\xFF");
  const std::string mark = "a\xE2\x96\x81<0x41></s>";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(mark)), mark);
}

TEST(BpeTokenizer, GivesBlanksBackWithoutAPieceForThem) {
  auto document = metaspace_json();
  document["model"]["vocab"].erase("\xE2\x96\x81");
  document["model"]["merges"] = json::array({"a b"});
  const auto tokenizer = make(document);
  EXPECT_THAT(tokenizer.encode("ab ab"), ElementsAre(263, 3 + ' ', 263));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab ab")), "ab ab");
}

TEST(BpeTokenizer, ReadsTheMetaspaceForms) {
  auto document = metaspace_json();
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_THAT(make(document).encode("ab ab", true), ElementsAre(264, 264));
  EXPECT_THAT(make(document).encode(" ab", true), ElementsAre(264)) << "a blank is there already";
  document["model"]["vocab"]["b\xE2\x96\x81"] = 265;
  document["model"]["merges"].insert(document["model"]["merges"].begin(), "b \xE2\x96\x81");
  EXPECT_THAT(make(document).encode("b b"), ElementsAre(265, 261));
  document["pre_tokenizer"]["split"] = true;
  EXPECT_THAT(make(document).encode("b b"), ElementsAre(261, 259, 261)) << "no piece spans the blank";
}

TEST(BpeTokenizer, RefusesPatternsThatNeverEnd) {
  auto document = byte_level_json(few_merges());
  document["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a+)+b|(x|x)*y|(?:z+z+)+!";
  const auto tokenizer = make(document);
  for (const char* letter : {"a", "x", "z"}) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += letter;
    try {
      (void)tokenizer.encode(text);
      FAIL() << letter;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("tokenizer.json: the split pattern fails on a text of 5000 bytes"));
    }
  }
}

TEST(BpeTokenizer, CutsAtEmptyMatchesWithoutEndingThere) {
  const SplitPattern pattern("x*", "here");
  std::vector<std::string_view> parts;
  pattern.split("abxxc\xC3\xA9", parts);
  EXPECT_THAT(parts, ElementsAre("a", "b", "xx", "c", "\xC3\xA9"));
  parts.clear();
  SplitPattern("(?=b)", "here").split("abab", parts);
  EXPECT_THAT(parts, ElementsAre("a", "ba", "b"));
}

TEST(BpeTokenizer, NamesTheKeyThatItCannotHonour) {
  auto document = byte_level_json(few_merges());
  document["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_EQ(fault(document),
            "tokenizer.json: key \"normalizer.type\" is \"Lowercase\", expected \"NFC\" or \"Prepend\" or \"Replace\"");
  document = byte_level_json(few_merges());
  document["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed";
  EXPECT_EQ(fault(document),
            "tokenizer.json: key \"pre_tokenizer.pretokenizers[0].behavior\" is \"Removed\", expected \"Isolated\"");
}

/// Made with the Node binding of the tokenizers library 0.23.2, without special tokens, on the published files.
const std::vector<std::string> kGoldenTexts{
    "Star Wars (1977); I'LL see   it\n\n 12345!",
    "Am\xC3\xA9lie Cafe\xCC\x81 \xE6\x9D\xB1\xE4\xBA\xAC\xE7\x89\xA9\xE8\xAA\x9E \xF0\x9F\x8E\xAC",
    " \xE1\xA0\x8E x\xC2\x85y", "The user liked these movies, oldest first:\n"};

void expect_golden(const std::string& name, const std::vector<std::vector<Token>>& golden) {
  const auto file = published_tokenizer(name);
  if (!file) GTEST_SKIP() << name << " is neither in $LLAMA4REC_TOKENIZERS nor in ../shared/tokenizers";
  const BpeTokenizer tokenizer(read_file(*file), file->string());
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_EQ(tokenizer.encode(kGoldenTexts[i]), golden[i]) << i;
}

TEST(BpeTokenizer, GivesTheTokensOfThePublishedLlama3) {
  expect_golden("llama3/tokenizer.json",
                {{12988, 15317, 320, 4468, 22, 1237, 358, 6, 4178, 1518, 256, 433, 271, 220, 4513, 1774, 0},
                 {6219, 978, 11828, 43873, 54939, 119109, 53953, 102158, 11410, 236, 105},
                 {87189, 254, 236, 865, 116360, 88},
                 {791, 1217, 15262, 1521, 9698, 11, 24417, 1176, 512}});
}

TEST(BpeTokenizer, GivesTheTokensOfThePublishedQwen) {
  expect_golden("qwen3/tokenizer.json", {{12699, 14968, 320, 16,  24,  22, 22, 1215, 358, 6,  4086,
                                          1490,  256,   432, 271, 220, 16, 17, 18,   19,  20, 0},
                                         {6091, 963, 11567, 65671, 60596, 109, 46553, 52853, 102819, 11162, 236, 105},
                                         {86089, 254, 236, 856, 126, 227, 88},
                                         {785, 1196, 14915, 1493, 9508, 11, 23513, 1156, 510}});
}

/// Made with spm_encode 0.1.97.
TEST(SentencePieceTokenizer, GivesTheTokensOfThePublishedLlama2) {
  const auto file = published_tokenizer("llama2/tokenizer.model");
  if (!file) GTEST_SKIP() << "llama2/tokenizer.model is neither in $LLAMA4REC_TOKENIZERS nor in ../shared/tokenizers";
  const SentencePieceTokenizer tokenizer(read_file(*file), file->string());
  EXPECT_EQ(tokenizer.vocabulary(), 32000);
  EXPECT_THAT(tokenizer.encode("Star Wars (1977); I'LL see   it   12345!", true),
              ElementsAre(7828, 9149, 313, 29896, 29929, 29955, 29955, 416, 306, 29915, 2208, 1074, 259, 372, 1678,
                          29896, 29906, 29941, 29946, 29945, 29991));
  EXPECT_THAT(tokenizer.encode(kGoldenTexts[1], true), ElementsAre(1913, 29948, 3197, 9243, 1725, 30103, 29871, 30591,
                                                                   30675, 30834, 30968, 29871, 243, 162, 145, 175));
  EXPECT_THAT(tokenizer.encode("</s><s>[INST]"), ::testing::Each(::testing::Gt(2)));
}

}  // namespace
}  // namespace llama4rec::llm
