// The engine against the plain decoder and the scalar reference, whatever is batched, cut, shared, evicted or packed beside a request.
#include "llm/engine/engine.h"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "llm/checkpoint.h"
#include "llm/decoder.h"
#include "llm/engine/prefix_index.h"
#include "llm/engine/token_choice.h"
#include "unit/llm/reference_llama.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::tiny_config;
using testing::titles;
using testing::widen_weights;

CompletionRequest engine_question(std::vector<std::string> segments, AnswerKind kind,
                                  std::vector<std::string> options = {}) {
  return {.prompt = {std::move(segments)},
          .grammar = {.kind = kind,
                      .options = std::move(options),
                      .separator = kind == AnswerKind::kPermutation ? "; " : ""},
          .maximum_tokens = 40};
}

/// Questions of some users, of all kinds, with shared beginnings longer than a block, awkward options and different lengths.
std::vector<CompletionRequest> engine_questions() {
  std::vector<CompletionRequest> requests;
  for (std::size_t user = 0; user < 5; ++user) {
    std::vector<std::string> history{"The user liked these movies, oldest first:"};
    for (std::size_t i = 0; i < 6 + 9 * user; ++i) {
      history.push_back(titles()[(user / 2 + i) % titles().size()]);
      history.push_back("; ");
    }
    const auto with = [&](const std::string& ask) {
      auto segments = history;
      segments.push_back(ask);
      return segments;
    };
    for (const char* ask : {"Rating?", "And this rating?"}) {
      requests.push_back(engine_question(with(ask), AnswerKind::kChoice, {"1", "2", "3", "4", "5"}));
    }
    requests.push_back(engine_question(with("Which one?"), AnswerKind::kChoice, {"Alien", "Aliens", "Alien 3"}));
    requests.push_back(engine_question(history, AnswerKind::kPermutation,
                                       {titles()[0], titles()[1], titles()[2], "unknown film", "unknown", "</s>"}));
    requests.push_back(engine_question(with("Say"), AnswerKind::kFreeText));
    requests.push_back(
        engine_question(with("Which one?"), AnswerKind::kPermutation, {"Alien", "Aliens", "Alien 3", "Al"}));
  }
  return requests;
}

/// Bit by bit.
void expect_same_completions(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text) << i;
    EXPECT_EQ(a[i].order, b[i].order) << i;
    EXPECT_EQ(a[i].option_sequence_log_probabilities, b[i].option_sequence_log_probabilities) << i;
    EXPECT_EQ(a[i].option_log_probabilities, b[i].option_log_probabilities) << i;
    EXPECT_EQ(a[i].prompt_tokens, b[i].prompt_tokens) << i;
    EXPECT_EQ(a[i].answer_tokens, b[i].answer_tokens) << i;
  }
}

/// Shapes: grouped heads, an odd number of heads' dimensions behind the panel, biases, an output matrix of its own.
class EngineTest : public ::testing::TestWithParam<int> {
 protected:
  static ModelConfig config() {
    const int shape = GetParam();
    auto config = tiny_config(small_tokenizer().vocabulary(), 4, shape == 0 ? 4 : 2, shape != 1);
    config.context = 600;
    if (shape == 2) {
      config.hidden = 80;
      config.intermediate = 72;
      config.head_size = 40;  // more than a panel
      config.query_key_value_bias = true;
      config.layers = 1;
    }
    return config;
  }
  EngineTest() : model_(config(), 5, torch::kCPU) { widen_weights(model_, 0.2, 21); }

  [[nodiscard]] std::vector<Completion> complete(const std::vector<CompletionRequest>& requests,
                                                 const EngineOptions& options) const {
    return Engine(model_, small_tokenizer(), options).complete(requests, {});
  }
  [[nodiscard]] std::vector<Completion> plain(const std::vector<CompletionRequest>& requests) const {
    return complete_requests(model_, small_tokenizer(), requests, {}, {});
  }

  Transformer model_;
};

TEST_P(EngineTest, AnswersAsThePlainDecoderDoes) {
  const auto requests = engine_questions();
  const auto answers = complete(requests, {.precision = "float32"});
  const auto expected = plain(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(answers[i].text, expected[i].text) << i;
    EXPECT_EQ(answers[i].order, expected[i].order) << i;
    EXPECT_EQ(answers[i].prompt_tokens, expected[i].prompt_tokens) << i;
    EXPECT_EQ(answers[i].answer_tokens, expected[i].answer_tokens) << i;
    ASSERT_EQ(answers[i].option_sequence_log_probabilities.size(),
              expected[i].option_sequence_log_probabilities.size());
    for (std::size_t k = 0; k < expected[i].option_sequence_log_probabilities.size(); ++k) {
      EXPECT_NEAR(answers[i].option_sequence_log_probabilities[k], expected[i].option_sequence_log_probabilities[k],
                  1e-4 * std::abs(expected[i].option_sequence_log_probabilities[k]));
    }
  }
}

TEST_P(EngineTest, AnswersDependOnTheRequestAlone) {
  const auto requests = engine_questions();
  for (const char* precision : {"float32", "bfloat16", "int8"}) {
    SCOPED_TRACE(precision);
    std::vector<Completion> alone;
    for (const auto& request : requests) {
      alone.push_back(complete({request}, {.precision = precision, .workers = 1, .share_prefixes = false}).front());
    }
    expect_same_completions(complete(requests, {.precision = precision}), alone);
    expect_same_completions(complete(requests, {.precision = precision, .step_tokens = 37, .workers = 1}), alone);
    expect_same_completions(complete(requests, {.precision = precision, .most_sequences = 2, .workers = 1}), alone);
    expect_same_completions(complete(requests, {.precision = precision, .workers = 3}), alone);
    expect_same_completions(complete(requests, {.precision = precision, .workers = 1, .jump_forward = false}), alone);
    auto reversed = requests;
    std::reverse(reversed.begin(), reversed.end());
    auto answers = complete(reversed, {.precision = precision, .step_tokens = 100, .workers = 1});
    std::reverse(answers.begin(), answers.end());
    expect_same_completions(answers, alone);
  }
}

TEST_P(EngineTest, LowPrecisionStaysCloseToFloat32) {
  const auto requests = engine_questions();
  const auto expected = complete(requests, {.precision = "float32"});
  for (const char* precision : {"bfloat16", "int8"}) {
    SCOPED_TRACE(precision);
    const auto answers = complete(requests, {.precision = precision});
    double error = 0;
    double size = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      for (std::size_t k = 0; k < expected[i].option_log_probabilities.size(); ++k) {
        error += std::abs(answers[i].option_log_probabilities[k] - expected[i].option_log_probabilities[k]);
        size += std::abs(expected[i].option_log_probabilities[k]);
      }
    }
    EXPECT_GT(error, 0);
    EXPECT_LT(error, 0.05 * size);
  }
}

TEST_P(EngineTest, ASmallCacheChangesNothingButTheWork) {
  const auto requests = engine_questions();
  const auto expected = complete(requests, {.precision = "float32", .workers = 1});
  const PackedModel model(model_, Precision::kFloat32);
  std::vector<PreparedRequest> prepared;
  std::int64_t longest = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    prepared.push_back(prepare_request(requests[i], i, small_tokenizer(), 600));
    longest = std::max(longest, static_cast<std::int64_t>(prepared.back().prompt.tokens.size()));
  }
  ASSERT_GT(longest, 3 * kBlockTokens);
  // One MiB is the least that an option can give; the tiny model's blocks are small, so requests are repeated until it is full.
  std::vector<CompletionRequest> more;
  for (int round = 0; round < 60; ++round) {
    for (auto request : requests) {
      request.prompt.segments.insert(request.prompt.segments.begin() + 1, fmt::format("round {} ", round));
      more.push_back(std::move(request));
    }
  }
  Engine tight(model_, small_tokenizer(), {.precision = "float32", .cache_megabytes = 1, .workers = 1});
  Engine wide(model_, small_tokenizer(), {.precision = "float32", .cache_megabytes = 256, .workers = 1});
  expect_same_completions(tight.complete(more, {}), wide.complete(more, {}));
  EXPECT_GT(tight.account().evicted_blocks, 0);
  EXPECT_EQ(wide.account().evicted_blocks, 0);
  EXPECT_LT(tight.account().most_blocks, wide.account().most_blocks);
  expect_same_completions(tight.complete(requests, {}), expected);
}

TEST_P(EngineTest, SharedBeginningsAreReadOnce) {
  const auto requests = engine_questions();
  Engine shared(model_, small_tokenizer(), {.precision = "float32", .workers = 1});
  Engine each(model_, small_tokenizer(), {.precision = "float32", .workers = 1, .share_prefixes = false});
  (void)shared.complete(requests, {});
  (void)each.complete(requests, {});
  EXPECT_GT(shared.account().shared_tokens, 0);
  EXPECT_EQ(each.account().shared_tokens, 0);
  EXPECT_LT(shared.account().read_tokens, each.account().read_tokens * 2 / 3);
  // Asked again, all but the last block of every prompt is there.
  const auto before = shared.account().read_tokens;
  (void)shared.complete(requests, {});
  EXPECT_LT(shared.account().read_tokens - before, before);
}

TEST_P(EngineTest, TellsEveryAnswerOnceWhenItArrives) {
  const auto requests = engine_questions();
  std::set<std::size_t> seen;
  std::vector<Completion> arrived(requests.size());
  Engine engine(model_, small_tokenizer(), {.precision = "float32", .workers = 2});
  const auto answers = engine.complete(requests, [&](std::size_t request, const Completion& answer) {
    EXPECT_TRUE(seen.insert(request).second);
    arrived[request] = answer;
  });
  EXPECT_EQ(seen.size(), requests.size());
  expect_same_completions(arrived, answers);
}

TEST_P(EngineTest, OptionsThatBeginAlikeAreAskedBehindThePrompt) {
  // Prompts of whole blocks, so that everything up to their end may already be there when they are asked again.
  std::vector<CompletionRequest> requests;
  for (const auto& options :
       {std::vector<std::string>{"Alien"}, {"unknown film", "unknown thing"}, {"xyz a", "xyz b"}}) {
    auto request = engine_question({"The user liked"}, AnswerKind::kChoice, options);
    while (small_tokenizer().encode_prompt(request.prompt.segments).size() < 96) request.prompt.segments.push_back("q");
    ASSERT_EQ(small_tokenizer().encode_prompt(request.prompt.segments).size(), 96U);
    requests.push_back(std::move(request));
  }
  const auto expected = plain(requests);
  for (std::int64_t step = 32; step < 110; ++step) {
    Engine engine(model_, small_tokenizer(), {.precision = "float32", .step_tokens = step, .workers = 1});
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto answer = engine.complete(std::span(requests).subspan(i, 1), {}).front();
        for (std::size_t k = 0; k < expected[i].option_sequence_log_probabilities.size(); ++k) {
          ASSERT_NEAR(answer.option_sequence_log_probabilities[k], expected[i].option_sequence_log_probabilities[k],
                      1e-4 * std::abs(expected[i].option_sequence_log_probabilities[k]))
              << "step " << step << ", round " << round << ", request " << i;
        }
      }
    }
  }
}

TEST_P(EngineTest, GoesOnAfterSomebodyWhoIsToldThrows) {
  const auto requests = engine_questions();
  const auto expected = complete(requests, {.precision = "float32"});
  for (const std::int64_t workers : {1, 2}) {
    Engine engine(model_, small_tokenizer(), {.precision = "float32", .workers = workers});
    int told = 0;
    EXPECT_THROW((void)engine.complete(requests,
                                       [&](std::size_t, const Completion&) {
                                         if (++told == 2) throw InternalError("disk full");
                                       }),
                 InternalError);
    expect_same_completions(engine.complete(requests, {}), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EngineTest, ::testing::Values(0, 1, 2));

TEST(Engine, RefusesWhatCanNeverFitTheCache) {
  auto config = tiny_config(small_tokenizer().vocabulary(), 4, 4, true);
  config.hidden = 512;
  config.context = 4000;
  config.layers = 4;
  const Transformer model(config, 1, torch::kCPU);
  Engine engine(model, small_tokenizer(), {.precision = "float32", .cache_megabytes = 1, .workers = 1});
  std::vector<std::string> history;
  for (int i = 0; i < 200; ++i) history.push_back(titles()[2]);
  const auto fits = engine_question({"Hello"}, AnswerKind::kChoice, {"a", "b"});
  try {
    (void)engine.complete(std::vector{fits, engine_question(history, AnswerKind::kFreeText)}, {});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("request 1"));
    EXPECT_THAT(error.what(), HasSubstr("llm.cache_megabytes"));
  }
  EXPECT_EQ(engine.complete(std::vector{fits}, {}).size(), 1U);
}

TEST(Engine, SamplesByTheRequestsOwnSeed) {
  auto config = tiny_config(small_tokenizer().vocabulary(), 4, 2, true);
  const Transformer model(config, 1, torch::kCPU);
  std::vector<CompletionRequest> requests;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    requests.push_back(engine_question({"The user liked"}, AnswerKind::kFreeText));
    requests.back().sampling = {.temperature = 1.5, .top_p = 0.95, .seed = seed};
  }
  Engine engine(model, small_tokenizer(), {.precision = "float32"});
  const auto first = engine.complete(requests, {});
  expect_same_completions(engine.complete(requests, {}), first);
  std::set<std::string> texts;
  for (const auto& answer : first) texts.insert(answer.text);
  EXPECT_GT(texts.size(), 4U);
}

TEST(TokenChoice, SamplesWithTheProbabilitiesOfTheKeptTokens) {
  const std::vector<float> logits{0.0F, std::log(2.0F), std::log(5.0F), -3.0F};
  // At temperature 1: 5 : 2 : 1 : 0.05; the likeliest that reach 80% are the first two.
  std::vector<double> count(4);
  for (int i = 0; i < 7000; ++i) ++count[sample_place(logits, {.temperature = 1, .top_p = 0.8}, i / 7000.0)];
  EXPECT_NEAR(count[2], 5000, 2);
  EXPECT_NEAR(count[1], 2000, 2);
  EXPECT_EQ(count[0] + count[3], 0);
  // At temperature 0.5 the ratios are squared.
  std::fill(count.begin(), count.end(), 0);
  for (int i = 0; i < 3000; ++i) ++count[sample_place(logits, {.temperature = 0.5, .top_p = 1}, i / 3000.0)];
  EXPECT_NEAR(count[2] / count[1], 6.25, 0.05);
  EXPECT_NEAR(count[1] / count[0], 4, 0.1);
}

TEST(PrefixIndex, KeepsWhatIsUsedAndGivesBackLeavesFirst) {
  const auto config = tiny_config(100, 4, 4, true);
  BlockCache cache(config, Precision::kFloat32, 1 << 20);
  PrefixIndex index(cache);
  const auto tokens = [](Token first) {
    std::vector<Token> all;
    for (Token i = 0; i < kBlockTokens; ++i) all.push_back(first + i);
    return all;
  };
  const auto a = index.insert(PrefixIndex::kRoot, tokens(0), cache.take());
  const auto b = index.insert(a, tokens(32), cache.take());
  const auto c = index.insert(a, tokens(64), cache.take());
  EXPECT_EQ(index.find(PrefixIndex::kRoot, tokens(0)), a);
  EXPECT_EQ(index.find(a, tokens(32)), b);
  EXPECT_EQ(index.find(b, tokens(64)), PrefixIndex::kRoot);
  EXPECT_EQ(index.ready(a), PrefixIndex::kNotYet);
  EXPECT_FALSE(index.evict());
  index.release(a, 1);
  EXPECT_FALSE(index.evict());  // its children are in use
  index.release(c, 2);
  index.release(b, 3);
  EXPECT_EQ(index.unused(), 3);
  index.use(c);
  index.release(c, 4);
  const auto free = cache.free();
  EXPECT_TRUE(index.evict());
  EXPECT_EQ(index.find(a, tokens(32)), PrefixIndex::kRoot);  // longest unused
  EXPECT_EQ(index.find(a, tokens(64)), c);
  EXPECT_TRUE(index.evict());
  EXPECT_TRUE(index.evict());
  EXPECT_FALSE(index.evict());
  EXPECT_EQ(cache.free(), free + 3);
}

/// A branch of a tree sees the same sums wherever it stands, whatever stands between it and its parent.
TEST(BlockAttention, GivesTheSameBitsToABranchWhereverItStands) {
  auto config = tiny_config(100, 4, 2, true);
  config.hidden = 4 * 24;
  const HeadLayout layout{.heads = 4, .key_value_heads = 2, .dimension = 24};
  for (const auto precision : {Precision::kFloat32, Precision::kBfloat16}) {
    for (std::int32_t depth = 3; depth < 40; ++depth) {  // tokens before the branches, odd and even
      for (const std::int32_t between : {1, 2, 5}) {     // tokens of another branch before ours
        BlockCache cache(config, precision, 1 << 20);
        RandomStream random(static_cast<std::uint64_t>(depth), "test.attention");
        std::vector<std::vector<float>> keys(static_cast<std::size_t>(depth) + 2);
        std::vector<std::vector<float>> values(keys.size());
        for (auto* rows : {&keys, &values}) {
          for (auto& row : *rows) {
            for (int i = 0; i < 24; ++i) row.push_back(static_cast<float>(random.normal()));
          }
        }
        std::vector<float> query;
        for (std::int64_t i = 0; i < layout.query_size(); ++i) query.push_back(static_cast<float>(random.normal()));
        std::vector<std::vector<float>> results;
        for (const std::int32_t gap : {0, between}) {
          const std::vector<BlockId> blocks{cache.take(), cache.take()};
          const auto write = [&](std::int32_t slot, std::size_t row) {
            for (std::int64_t head = 0; head < 2; ++head) {
              cache.write(blocks[static_cast<std::size_t>(slot / kBlockTokens)], 0, head, slot % kBlockTokens,
                          keys[row].data(), values[row].data());
            }
          };
          for (std::int32_t i = 0; i < depth; ++i) write(i, static_cast<std::size_t>(i));
          for (std::int32_t i = 0; i < gap; ++i) write(depth + i, 0);
          write(depth + gap, static_cast<std::size_t>(depth));
          write(depth + gap + 1, static_cast<std::size_t>(depth) + 1);
          const auto end = depth + gap + 2;
          std::vector<std::int32_t> ends(static_cast<std::size_t>(end), end);
          for (std::int32_t i = 0; i < gap; ++i) ends[static_cast<std::size_t>(depth + i)] = depth + gap;
          const std::vector<std::int32_t> slots{end - 1};
          auto& out = results.emplace_back(query.size());
          block_attention(std::vector<BlockQueries>{{.view = {.blocks = blocks, .ends = ends}, .slots = slots}},
                          query.data(), out.data(), cache, 0, layout);
        }
        ASSERT_EQ(results[0], results[1]) << to_string(precision) << " depth " << depth << " between " << between;
      }
    }
  }
}

/// Rows of whole numbers whose largest is 127: 8 bits hold them as they are, and the product is exact.
TEST(PackedMatrix, MultipliesEightBitNumbersExactly) {
  torch::manual_seed(4);
  const auto whole_numbers = [](std::int64_t rows, std::int64_t columns) {
    auto values = torch::randint(-127, 128, {rows, columns}).to(torch::kFloat32);
    values.select(1, columns / 2).fill_(-127);
    return values;
  };
  for (const std::int64_t rows : {1, 3, 8, 19}) {
    for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 33}, {64, 96}, {130, 70}}) {
      const auto w = whole_numbers(out, in);
      const auto x = whole_numbers(rows, in);
      auto y = torch::empty({rows, out});
      PackedMatrix(w, Precision::kInt8).multiply(x.data_ptr<float>(), in, rows, y.data_ptr<float>(), out, Into::kStore);
      const auto expected = torch::mm(x.to(torch::kFloat64), w.t().to(torch::kFloat64)).to(torch::kFloat32);
      EXPECT_TRUE(torch::equal(y, expected)) << rows << " x " << in << " x " << out;
    }
  }
}

TEST(PackedMatrix, EightBitsTakeRowsOfZeros) {
  const auto w = torch::zeros({3, 5});
  const auto x = torch::zeros({2, 5});
  auto y = torch::full({2, 3}, 7.0F);
  PackedMatrix(w, Precision::kInt8).multiply(x.data_ptr<float>(), 5, 2, y.data_ptr<float>(), 3, Into::kStore);
  EXPECT_TRUE(torch::equal(y, torch::zeros({2, 3})));
}

TEST(PackedMatrix, MultipliesLikeTheMatrix) {
  for (const auto precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    for (const std::int64_t rows : {1, 5, 8, 19}) {
      for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>{7, 33}, {64, 96}, {31, 5}}) {
        const auto w = torch::randn({out, in});
        const auto x = torch::randn({rows, in + 3});
        auto y = torch::ones({rows, out + 2});
        const PackedMatrix packed(w, precision);
        packed.multiply(x.data_ptr<float>(), in + 3, rows, y.data_ptr<float>(), out + 2, Into::kAdd);
        const auto expected = torch::mm(x.narrow(1, 0, in), w.t()) + 1;
        const double tolerance = precision == Precision::kFloat32 ? 1e-5 : 0.04;
        const auto error = (y.narrow(1, 0, out) - expected).abs().max().item<double>();
        EXPECT_LT(error, tolerance * std::sqrt(static_cast<double>(in))) << to_string(precision);
        if (precision != Precision::kFloat32) {
          EXPECT_GT(error, 0);
        }
        EXPECT_TRUE(torch::equal(y.narrow(1, out, 2), torch::ones({rows, 2})));
      }
    }
  }
}

}  // namespace
}  // namespace llama4rec::llm
