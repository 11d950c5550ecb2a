// Shapes, operations, memory and the synthetic titles behind `llm bench`.
#include "llm/bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "llm/bench/memory_need.h"
#include "llm/bench/operations.h"
#include "llm/sentencepiece_tokenizer.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(BenchShape, KnowsItsNamesInAnyCase) {
  EXPECT_EQ(parse_shape("s6").name, "S6");
  EXPECT_EQ(parse_shape("L1100").name, "L1100");
  // The sizes that give the shapes their names, in millions.
  EXPECT_NEAR(static_cast<double>(parameter_count(parse_shape("s6").config())), 6e6, 0.3e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(parse_shape("s110").config())), 110e6, 1e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(parse_shape("l1100").config())), 1100e6, 1e6);
}

TEST(BenchShape, ReadsFigures) {
  const auto config = parse_shape("hidden:64,layers:3,heads:4,key_value_heads:2,vocabulary:900,context:256").config();
  EXPECT_EQ(config.hidden, 64);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.key_value_heads, 2);
  EXPECT_EQ(config.vocabulary, 900);
  EXPECT_EQ(config.context, 256);
  EXPECT_EQ(config.intermediate, 170);  // 8/3 of 64
}

TEST(BenchShape, RefusesWhatIsNoShape) {
  const auto refused = [](const std::string& text) { return [text] { (void)parse_shape(text); }; };
  EXPECT_THAT(refused("s7"), ThrowsMessage<UsageError>(AllOf(HasSubstr("'s7'"), HasSubstr("s6, s110, l1100"))));
  EXPECT_THAT(refused("hidden:64,width:3"), ThrowsMessage<UsageError>(HasSubstr("llm.width")));
  EXPECT_THAT(refused("hidden:0"), ThrowsMessage<UsageError>(AllOf(HasSubstr("llm.hidden"), HasSubstr("from 2"))));
  EXPECT_THAT(refused("hidden:64x"), ThrowsMessage<UsageError>(AllOf(HasSubstr("llm.hidden"), HasSubstr("64x"))));
  EXPECT_THAT(refused("hidden:64,heads:3"), ThrowsMessage<UsageError>(HasSubstr("llm options")));
}

/// One layer, 2 heads of 2, 3 words: query, key, value and output 4 x 4 each, three matrices 4 x 8, an embedding 3 x 4.
ModelConfig by_hand() {
  return {
      .vocabulary = 3, .hidden = 4, .intermediate = 8, .layers = 1, .heads = 2, .key_value_heads = 2, .context = 64};
}

TEST(BenchOperations, AreThoseOfASmallModelByHand) {
  // Matrices 4 * 16 + 3 * 32 = 160, norms 3 * 4 = 12 (they are counted as parameters); twice that per token.
  EXPECT_EQ(block_operations(by_hand()), 2 * (160 + 12));
  // Behind 10 tokens: 2 heads, 2 dimensions, 10 keys and 10 values: 2 * 2 * 2 * 10 * 2 = 160; the head 2 * 3 * 4 = 24.
  EXPECT_EQ(decode_operations(by_hand(), 10), 344 + 160 + 24);
  // 2 prompts of 6 tokens, each token sees 3 on average: 12 * (344 + 48), and 2 heads.
  EXPECT_EQ(prefill_operations(by_hand(), 2, 6), 12 * (344 + 48) + 2 * 24);
  // The same tokens with all of them learned, three times.
  EXPECT_EQ(training_operations(by_hand(), 12, 6, 12), 3 * (12 * (344 + 48) + 12 * 24));
}

TEST(BenchMemory, CountsWeightsCopiesAndCacheByHand) {
  const double weights = 172 + 12;
  const auto need = memory_need(by_hand(), Precision::kBfloat16, 100, 0, 64);
  EXPECT_EQ(need.weights, 4 * weights);
  EXPECT_EQ(need.engine, 2 * weights);
  EXPECT_EQ(need.cache, 100 * 2 * 4 * 2);  // keys and values, 4 numbers of 2 bytes
  EXPECT_EQ(need.training, 0);
  EXPECT_EQ(need.most(), need.weights + need.engine + need.cache);
  EXPECT_GT(memory_need(by_hand(), Precision::kBfloat16, 100, 8, 64).training, 16 * weights);
}

TEST(BenchTitles, TheTokeniserHasExactlyTheVocabularyThatWasAskedFor) {
  const testing::TemporaryFolder folder;
  const SyntheticTitles titles;
  titles.write_tokenizer(6000, folder / "tokenizer.model");
  const SentencePieceTokenizer tokenizer(read_file(folder / "tokenizer.model"), "bench");
  EXPECT_EQ(tokenizer.vocabulary(), 6000);
  RandomStream random(1, "test");
  const auto& title = titles.draw(random);
  const auto& tokens = tokenizer.encode(title);
  EXPECT_EQ(tokenizer.decode(tokens), title);
  EXPECT_LT(tokens.size(), title.size() * 3 / 4);  // pieces of words, not letters
}

TEST(BenchTitles, EveryUserRanksTenDifferentTitles) {
  const auto requests = ranking_job(SyntheticTitles(), 3);
  ASSERT_EQ(requests.size(), 3U);
  for (const auto& request : requests) {
    const std::set<std::string> different(request.grammar.options.begin(), request.grammar.options.end());
    EXPECT_EQ(different.size(), 10U);
  }
}

TEST(Bench, MeasuresWhatItIsAskedForOnly) {
  const auto model = BenchModel::of_shape(parse_shape("hidden:16,layers:1,heads:1,vocabulary:400,context:96"));
  const auto result = bench(model, {.parts = {BenchPart::kPrefill, BenchPart::kRanking}, .users = 1}, 1LL << 40);
  EXPECT_EQ(result.prompt_tokens, 64);  // of 96, 32 are for decoding
  ASSERT_TRUE(result.prefill);
  EXPECT_EQ(result.prefill->count, 8 * 64);
  EXPECT_NEAR(result.prefill->per_second() * result.prefill->seconds, 8 * 64, 1e-6);
  EXPECT_TRUE(result.decode.empty());
  EXPECT_FALSE(result.training);
  EXPECT_FALSE(result.ranking);
  EXPECT_THAT(result.left_out.at(BenchPart::kRanking), HasSubstr("the context has 96"));
}

TEST(Bench, RefusesAShapeThatDoesNotFitBeforeAnythingIsAllocated) {
  // 64 layers of 65536 x 65536 and more: terabytes, which nobody has.
  const auto model = BenchModel::of_shape(parse_shape("hidden:65536,layers:64,heads:512,vocabulary:400"));
  EXPECT_THAT([&] { (void)bench(model, {.parts = {BenchPart::kPrefill}}, 1LL << 34); },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("needs about"), HasSubstr("16.0 GiB are free"))));
  const auto short_context = BenchModel::of_shape(parse_shape("hidden:16,layers:1,heads:1,vocabulary:400,context:32"));
  EXPECT_THAT([&] { (void)bench(short_context, {}, 1LL << 40); },
              ThrowsMessage<UsageError>(HasSubstr("has 32 tokens")));
}

TEST(Bench, PartsAreNamed) {
  EXPECT_EQ(parse_bench_part("decode"), BenchPart::kDecode);
  EXPECT_THAT([] { (void)parse_bench_part("decoding"); }, ThrowsMessage<UsageError>(HasSubstr("'decoding'")));
}

}  // namespace
}  // namespace llama4rec::llm
