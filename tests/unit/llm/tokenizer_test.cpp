#include "llm/sentencepiece_tokenizer.h"

#include <cstdlib>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/random.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using testing::small_tokenizer;
using testing::TemporaryFolder;
using testing::titles;

SentencePieceTokenizer train(const std::vector<std::pair<std::string, std::int64_t>>& texts,
                             ModelOptions options = {}) {
  const TemporaryFolder folder;
  train_tokenizer(texts, options, 1, folder / "t.model");
  return {read_file(folder / "t.model"), "t.model"};
}

std::string round_trip(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.decode(tokenizer.encode(text));
}

TEST(Tokenizer, MakesAFrequentTitleOneToken) {
  for (const auto& title : titles()) EXPECT_EQ(small_tokenizer().encode(title).size(), 1U) << title;
}

TEST(Tokenizer, GivesEveryTextBack) {
  for (const std::string text :
       {"", " ", "  two  blanks ", "Star Wars (1977)", " leading", "trailing ", "tab\tand\nnewline", "a\r\nb",
        "\xE2\x96\x81 the mark itself \xE2\x96\x81", "Am\xC3\xA9lie \xF0\x9F\x8E\xAC", "\xE6\x9D\xB1\xE4\xBA\xAC",
        "<s></s><unk><0x41><pad>[INST] <<SYS>>", "nul:"}) {
    EXPECT_EQ(round_trip(small_tokenizer(), text), text);
  }
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(round_trip(small_tokenizer(), with_nul), with_nul);
}

TEST(Tokenizer, GivesRandomBytesBackWhetherOrNotTheyAreUtf8) {
  RandomStream random(3, "bytes");
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (auto n = random.below(40); n > 0; --n) {
      // Half ASCII and lead bytes, so that well-formed and broken sequences both occur.
      bytes += static_cast<char>(random.below(2) == 0 ? random.below(128) : 0xC0 + random.below(64));
      if (random.below(2) == 0) bytes += static_cast<char>(0x80 + random.below(64));
    }
    ASSERT_EQ(round_trip(small_tokenizer(), bytes), bytes);
  }
}

TEST(Tokenizer, NeverReadsControlTokensOutOfText) {
  const auto& tokenizer = small_tokenizer();
  for (const std::string text : {"</s>", "<s>", "<unk>", "[INST]", "a </s> b", "Alien</s>", "<0x0A>"}) {
    for (const auto token : tokenizer.encode(text)) {
      EXPECT_NE(token, tokenizer.begin_token()) << text;
      EXPECT_NE(token, tokenizer.end_token()) << text;
      EXPECT_NE(token, 0) << text;
    }
    EXPECT_EQ(round_trip(tokenizer, text), text);
  }
}

TEST(Tokenizer, LearnsFromTextThatIsFullOfControlNamesWithoutMakingThemTokens) {
  const auto tokenizer = train({{"</s>", 500}, {"<s>", 500}, {"<unk>", 300}, {"<0x41>", 300}, {"The </s> Movie", 500}});
  for (const std::string text : {"</s>", "<s>", "<unk>", "<0x41>", "The </s> Movie"}) {
    const auto& tokens = tokenizer.encode(text);
    EXPECT_THAT(tokens, ::testing::Each(::testing::Gt(tokenizer.end_token()))) << text;
    EXPECT_EQ(round_trip(tokenizer, text), text);
  }
  EXPECT_GT(tokenizer.encode("<0x41>").size(), 1U) << "would otherwise be the byte A";
}

TEST(Tokenizer, TokensOfASegmentDoNotDependOnItsNeighbours) {
  const auto& tokenizer = small_tokenizer();
  const auto prompt = tokenizer.encode_prompt({"The user liked: ", "Star Wars (1977)", "; ", "Alien", "s"});
  std::vector<Token> expected{tokenizer.begin_token().value()};
  for (const std::string part : {"The user liked: ", "Star Wars (1977)", "; ", "Alien", "s"}) {
    const auto& tokens = tokenizer.encode(part);
    expected.insert(expected.end(), tokens.begin(), tokens.end());
  }
  EXPECT_EQ(prompt, expected);
  EXPECT_EQ(tokenizer.decode(prompt), "The user liked: Star Wars (1977); Aliens");
  EXPECT_NE(tokenizer.encode("Aliens").size(), 2U) << "as one segment it is its own title";
}

TEST(Tokenizer, TrainingIsDeterministicAndIgnoresTheOrderOfTexts) {
  const auto a = train({{"Fargo (1996)", 3}, {"Heat (1995)", 5}, {"Heat", 2}});
  const auto b = train({{"Heat", 2}, {"Heat (1995)", 2}, {"Fargo (1996)", 3}, {"Heat (1995)", 3}});
  EXPECT_EQ(a.serialized(), b.serialized());
}

TEST(Tokenizer, WeightDecidesWhichTitleGetsAToken) {
  ModelOptions options;
  options.vocabulary = 3 + 256 + 16 + 8;
  const std::string a = "abcdefgh";
  const std::string b = "stuvwxyz";
  const auto favours_a = train({{a, 1000}, {b, 1}}, options);
  const auto favours_b = train({{a, 1}, {b, 1000}}, options);
  EXPECT_LT(favours_a.encode(a).size(), favours_a.encode(b).size());
  EXPECT_GT(favours_b.encode(a).size(), favours_b.encode(b).size());
}

TEST(Tokenizer, TakesFewerPiecesWhereTheTextsSupportNoMore) {
  const auto tokenizer = train({{"abc", 1}});
  EXPECT_LT(tokenizer.vocabulary(), 300);
  EXPECT_EQ(round_trip(tokenizer, "cab"), "cab");
}

TEST(Tokenizer, GivesBlanksBackThatItHasNeverSeen) {
  const auto tokenizer = train({{"abc", 1}});
  EXPECT_EQ(round_trip(tokenizer, "a b  c "), "a b  c ");
  EXPECT_EQ(tokenizer.encode(" ").front(), 3 + ' ');
}

TEST(Tokenizer, HoldsManyRareCharactersInASmallVocabulary) {
  std::vector<std::pair<std::string, std::int64_t>> texts{{"common title", 1000}};
  for (int i = 0; i < 600; ++i) {  // 600 different characters, vocabulary of 400
    const int code = 0x4E00 + i;
    texts.emplace_back(std::string{static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 63)),
                                   static_cast<char>(0x80 | (code & 63))},
                       1);
  }
  ModelOptions options;
  options.vocabulary = 400;
  const auto tokenizer = train(texts, options);
  EXPECT_LE(tokenizer.vocabulary(), 400);
  for (const auto& [text, weight] : texts) EXPECT_EQ(round_trip(tokenizer, text), text);
}

TEST(Tokenizer, RefusesNothingToLearnFromAndImpossibleSizes) {
  EXPECT_THROW(train({}), DataError);
  EXPECT_THROW(train({{"", 5}}), DataError);
  EXPECT_THROW(train({{"a", 0}}), UsageError);
  ModelOptions options;
  options.vocabulary = 100;
  EXPECT_THROW(train({{"a", 1}}, options), UsageError);
}

TEST(Tokenizer, RefusesAFileThatIsNoModel) {
  EXPECT_THROW(SentencePieceTokenizer("", "x.model"), DataError);
  EXPECT_THROW(SentencePieceTokenizer("no protocol buffer at all", "x.model"), DataError);
  const auto& good = small_tokenizer().serialized();
  EXPECT_THROW(SentencePieceTokenizer(good.substr(0, good.size() / 2), "x.model"), DataError);
  try {
    SentencePieceTokenizer("junk", "folder/x.model");
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("folder/x.model"));
  }
}

/// Runs a command line tool of sentencepiece; nothing when it is not installed.
std::optional<std::vector<std::string>> run_sentencepiece(const std::string& command, const std::string& input,
                                                          const TemporaryFolder& folder) {
  if (std::system("command -v spm_encode > /dev/null 2>&1") != 0) return std::nullopt;
  write_file_atomically(folder / "input.txt", input);
  const auto line = command + " < " + (folder / "input.txt").string() + " > " + (folder / "output.txt").string() +
                    " 2> " + (folder / "errors.txt").string();
  EXPECT_EQ(std::system(line.c_str()), 0) << read_file(folder / "errors.txt");
  std::vector<std::string> lines;
  std::istringstream output(read_file(folder / "output.txt"));
  for (std::string text; std::getline(output, text);) lines.push_back(text);
  return lines;
}

std::string joined(const std::vector<Token>& tokens) { return fmt::format("{}", fmt::join(tokens, " ")); }

/// Lines that sentencepiece's tools can be given.
std::vector<std::string> awkward_lines() {
  std::vector<std::string> lines = titles();
  lines.insert(lines.end(), {" leading", "trailing ", "two  blanks", "Aliens; Alien 3", "Star Wars", "</s> <s> <0x41>",
                             "Am\xC3\xA9lie \xF0\x9F\x8E\xAC", "\xE6\x9D\xB1\xE4\xBA\xAC", "liked these movies"});
  RandomStream random(5, "lines");
  for (int i = 0; i < 300; ++i) {
    std::string line = "x";
    for (int n = 0; n < 6; ++n) {
      const auto& title = titles()[random.below(titles().size() - 1)];
      line += title.substr(random.below(title.size()), 1 + random.below(9));
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(Tokenizer, GivesTheTokensThatSentencepieceGives) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "m.model", small_tokenizer().serialized());
  std::string input;
  for (const auto& line : awkward_lines()) input += line + "\n";
  const auto lines =
      run_sentencepiece("spm_encode --model=" + (folder / "m.model").string() + " --output_format=id", input, folder);
  if (!lines) GTEST_SKIP() << "sentencepiece's command line tools are not installed";
  ASSERT_EQ(lines->size(), awkward_lines().size());
  for (std::size_t i = 0; i < lines->size(); ++i) {
    EXPECT_EQ(joined(small_tokenizer().encode(awkward_lines()[i])), (*lines)[i]) << awkward_lines()[i];
  }
}

TEST(Tokenizer, ReadsAModelThatSentencepieceTrainedLikeThatOfTheOriginalLlama) {
  const TemporaryFolder folder;
  std::string input;
  for (int i = 0; i < 20; ++i) {
    for (const auto& line : awkward_lines()) input += line + "\n";
  }
  write_file_atomically(folder / "corpus.txt", input);
  const auto trained = run_sentencepiece("spm_train --input=" + (folder / "corpus.txt").string() +
                                             " --model_prefix=" + (folder / "llama").string() +
                                             " --model_type=bpe --vocab_size=500 --byte_fallback=true"
                                             " --normalization_rule_name=identity --remove_extra_whitespaces=false"
                                             " --character_coverage=0.99",
                                         "", folder);
  if (!trained) GTEST_SKIP() << "sentencepiece's command line tools are not installed";
  const SentencePieceTokenizer tokenizer(read_file(folder / "llama.model"), "llama.model");
  EXPECT_EQ(tokenizer.vocabulary(), 500);
  std::string lines_in;
  for (const auto& line : awkward_lines()) lines_in += line + "\n";
  const auto lines = run_sentencepiece(
      "spm_encode --model=" + (folder / "llama.model").string() + " --output_format=id", lines_in, folder);
  ASSERT_EQ(lines->size(), awkward_lines().size());
  for (std::size_t i = 0; i < lines->size(); ++i) {
    const auto line = awkward_lines()[i];
    EXPECT_EQ(joined(tokenizer.encode(line, true)), (*lines)[i]) << line;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(line, true)), line);
  }
  // Behind a first segment no blank is put in.
  EXPECT_EQ(tokenizer.decode(tokenizer.encode_prompt({"Alien", "s", " and Al", "ien"})), "Aliens and Alien");
}

TEST(Tokenizer, RefusesModelsThatItWouldReadWrongly) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "corpus.txt", "a b c\nabc abc\nb c a\n");
  const std::string base =
      "spm_train --input=" + (folder / "corpus.txt").string() + " --hard_vocab_limit=false --vocab_size=20";
  const auto model = [&](const std::string& name) { return (folder / name).string(); };
  if (!run_sentencepiece(base + " --model_type=unigram --model_prefix=" + model("u"), "", folder)) {
    GTEST_SKIP() << "sentencepiece's command line tools are not installed";
  }
  EXPECT_THROW(SentencePieceTokenizer(read_file(folder / "u.model"), "u.model"), DataError);
  (void)run_sentencepiece(base + " --model_type=bpe --model_prefix=" + model("n"), "", folder);
  EXPECT_THROW(SentencePieceTokenizer(read_file(folder / "n.model"), "n.model"), DataError) << "nmt_nfkc normalisation";
}

TEST(Tokenizer, SurvivesEveryTruncationOfItsFile) {
  const auto tokenizer = train({{"abc", 1}});
  const auto& bytes = tokenizer.serialized();
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_THROW(SentencePieceTokenizer(bytes.substr(0, size), "x.model"), DataError) << size;
  }
}

TEST(Tokenizer, MergesTheMostFrequentPairFirst) {
  // By hand: "ab" 6 times, "bc" 5, "abc" ...: first ab (6), then abc (4, as "ab"+"c"), then nothing shorter is left.
  ModelOptions options;
  options.vocabulary = 3 + 256 + 6 + 2;
  const auto tokenizer = train({{"abc", 4}, {"ab", 2}, {"bc", 1}}, options);
  EXPECT_EQ(tokenizer.encode("ab").size(), 1U);
  EXPECT_EQ(tokenizer.encode("abc").size(), 1U);
  EXPECT_EQ(tokenizer.encode("ab")[0], 259);
  EXPECT_EQ(tokenizer.encode("abc")[0], 260);
}

TEST(Tokenizer, MakesNoPieceLongerThanAskedFor) {
  ModelOptions options;
  options.piece_length = 4;
  EXPECT_EQ(train({{"abcdefgh", 9}}, options).encode("abcdefgh").size(), 2U);
}

TEST(Tokenizer, RefusesToDecodeTokensOutsideItsVocabulary) {
  EXPECT_THROW((void)small_tokenizer().decode({-1}), UsageError);
  EXPECT_THROW((void)small_tokenizer().decode({static_cast<Token>(small_tokenizer().vocabulary())}), UsageError);
}

}  // namespace
}  // namespace llama4rec::llm
