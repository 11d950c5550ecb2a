// Free text from the engine: the plain decoder's tokens, the same bits in every company, told as it is written, and given up without a trace.
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/text.h"
#include "llm/decoder.h"
#include "llm/engine/engine.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::tiny_options;
using testing::titles;
using testing::widen_weights;

constexpr std::int64_t kWritten = 24;

/// Prompts of 1 to some 100 tokens, several of them with a common beginning of more than a block.
std::vector<std::vector<Token>> prompts() {
  std::vector<std::string> history{"The user liked these movies, oldest first:"};
  for (std::size_t i = 0; i < 20; ++i) history.push_back(titles()[i % titles().size()]);
  const auto common = small_tokenizer().encode_prompt(history);
  std::vector<std::vector<Token>> all{{1}, {1, 260, 300}};
  for (const std::size_t length : {20, 32, 33, 64, 70}) {
    all.emplace_back(common.begin(), common.begin() + static_cast<std::ptrdiff_t>(std::min(length, common.size())));
    all.push_back(all.back());
    all.back().push_back(static_cast<Token>(270 + length));
  }
  return all;
}

CompletionRequest free_text(std::uint64_t seed) {
  CompletionRequest request{.prompt = {}, .maximum_tokens = kWritten};
  if (seed % 2 == 1) request.sampling = {.temperature = 1.3, .top_p = 0.9, .seed = seed};
  return request;
}

struct Text {
  std::vector<Token> tokens;
  std::vector<double> log_probabilities;
  bool ended = false;
  Completion completion;
  friend bool operator==(const Text& a, const Text& b) {
    return a.tokens == b.tokens && a.log_probabilities == b.log_probabilities && a.ended == b.ended &&
           a.completion.text == b.completion.text && a.completion.answer_tokens == b.completion.answer_tokens;
  }
};

using Texts = std::map<std::int64_t, Text>;

/// One step; what came of it is added to the texts. Returns the numbers of those that are answered.
std::set<std::int64_t> step(Engine& engine, Texts& texts) {
  std::set<std::int64_t> answered;
  for (const auto& news : engine.step()) {
    auto& text = texts[news.request];
    text.tokens.insert(text.tokens.end(), news.tokens.begin(), news.tokens.end());
    text.log_probabilities.insert(text.log_probabilities.end(), news.log_probabilities.begin(),
                                  news.log_probabilities.end());
    if (!news.answer) continue;
    EXPECT_TRUE(answered.insert(news.request).second);
    text.ended = news.ended;
    text.completion = *news.answer;
  }
  return answered;
}

/// Steps until all of the numbered requests are answered.
Texts finish(Engine& engine, std::set<std::int64_t> open, Texts texts = {}) {
  for (int steps = 0; !open.empty(); ++steps) {
    if (steps == 10'000) throw InternalError("the engine has stopped");
    for (const auto number : step(engine, texts)) EXPECT_EQ(open.erase(number), 1U);
  }
  return texts;
}

Text write_alone(Engine& engine, const CompletionRequest& request, std::span<const Token> prompt) {
  const auto number = engine.submit(request, prompt);
  return finish(engine, {number}).at(number);
}

class Generating : public ::testing::Test {
 protected:
  Generating() : model_(tiny_config(small_tokenizer().vocabulary(), 4, 2, false), 5, torch::kCPU) {
    widen_weights(model_, 0.2, 21);
  }
  Transformer model_;
};

TEST_F(Generating, WritesInFloat32WhatThePlainDecoderWrites) {
  Engine engine(model_, small_tokenizer(), {.precision = "float32"});
  for (const auto& prompt : prompts()) {
    const auto text = write_alone(engine, {.prompt = {}, .maximum_tokens = kWritten}, prompt);
    const auto expected = generate_tokens(model_, small_tokenizer().vocabulary(), prompt, kWritten);
    EXPECT_EQ(text.tokens, expected.tokens);
    EXPECT_EQ(text.ended, expected.ended);
    ASSERT_EQ(text.log_probabilities.size(), expected.log_probabilities.size());
    for (std::size_t i = 0; i < expected.log_probabilities.size(); ++i) {
      EXPECT_NEAR(text.log_probabilities[i], expected.log_probabilities[i], 1e-4);
    }
    EXPECT_EQ(text.completion.text, text::to_valid_utf8(small_tokenizer().decode(expected.tokens)));
  }
}

TEST_F(Generating, TellsTheProbabilitiesOfWhatIsSampledBeforeTemperature) {
  Engine engine(model_, small_tokenizer(), {.precision = "float32"});
  auto context = prompts().back();
  const auto text = write_alone(engine, free_text(7), context);
  context.insert(context.end(), text.tokens.begin(), text.tokens.end());
  const auto expected = score_token_sequence(model_, context);
  const auto first = expected.size() - text.tokens.size();
  ASSERT_FALSE(text.tokens.empty());
  for (std::size_t i = 0; i < text.tokens.size(); ++i) {
    EXPECT_NEAR(text.log_probabilities[i], expected[first + i], 1e-3);
  }
}

TEST_F(Generating, ATextDependsOnItsRequestAlone) {
  const auto all = prompts();
  for (const char* precision : {"float32", "bfloat16", "int8"}) {
    SCOPED_TRACE(precision);
    std::vector<Text> alone;
    for (std::size_t i = 0; i < all.size(); ++i) {
      Engine engine(model_, small_tokenizer(), {.precision = precision, .workers = 1, .share_prefixes = false});
      alone.push_back(write_alone(engine, free_text(i), all[i]));
    }
    for (const auto& options :
         {EngineOptions{.precision = precision}, EngineOptions{.precision = precision, .step_tokens = 37, .workers = 1},
          EngineOptions{.precision = precision, .most_sequences = 2, .workers = 1},
          EngineOptions{.precision = precision, .workers = 3}}) {
      Engine engine(model_, small_tokenizer(), options);
      std::map<std::int64_t, std::size_t> places;
      Texts texts;
      std::set<std::int64_t> open;
      for (int round = 0; round < 2; ++round) {  // the second finds the prompts in the cache
        for (std::size_t i = 0; i < all.size(); ++i) {
          const auto number = engine.submit(free_text(i), all[i]);
          places[number] = i;
          open.insert(number);
        }
        // Choices, asked in between by the other way, take steps for everybody.
        const CompletionRequest choice{
            .prompt = {{"Say"}}, .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2"}, .separator = ""}};
        EXPECT_EQ(engine.complete(std::vector{choice}, {}).size(), 1U);
        texts.merge(finish(engine, std::exchange(open, {})));
      }
      for (const auto& [number, place] : places) {
        EXPECT_EQ(texts.at(number), alone[place]) << "prompt " << place;
      }
      EXPECT_EQ(engine.account().used_blocks, 0);
    }
  }
}

TEST_F(Generating, ReadsAPromptOnce) {
  Engine engine(model_, small_tokenizer(), {.precision = "float32", .workers = 1});
  const auto prompt = prompts().back();
  const auto text = write_alone(engine, {.prompt = {}, .maximum_tokens = kWritten}, prompt);
  ASSERT_EQ(static_cast<std::int64_t>(text.tokens.size()), kWritten);
  EXPECT_EQ(engine.account().read_tokens, static_cast<std::int64_t>(prompt.size()) + kWritten - 1)
      << "the prompt, and every token but the last";
}

TEST_F(Generating, WhatIsCancelledLeavesTheCacheFree) {
  // A prompt of several blocks that is read in parts, so that a cancelled one has blocks that were never written.
  auto prompt = prompts().back();
  while (prompt.size() < 100) prompt.push_back(static_cast<Token>(300 + prompt.size()));
  const EngineOptions options{.precision = "float32", .step_tokens = 32, .workers = 1};
  Engine fresh(model_, small_tokenizer(), options);
  const auto expected = write_alone(fresh, free_text(0), prompt);
  for (const int steps : {0, 1, 2, 3, 4, 5, 12}) {
    SCOPED_TRACE(steps);
    Engine engine(model_, small_tokenizer(), options);
    const auto cancelled = engine.submit(free_text(0), prompt);
    for (int i = 0; i < steps; ++i) (void)engine.step();
    EXPECT_EQ(engine.account().used_blocks > 0, steps > 0);
    engine.cancel(cancelled);
    EXPECT_EQ(engine.account().used_blocks, 0);
    EXPECT_EQ(write_alone(engine, free_text(0), prompt), expected);
    // Another one waits for blocks that the cancelled one would have written.
    prompt.front() = static_cast<Token>(400 + steps);  // nothing of it is in the cache
    Engine again(model_, small_tokenizer(), options);
    const auto other_expected = write_alone(again, free_text(0), prompt);
    const auto first = engine.submit(free_text(0), prompt);
    const auto other = engine.submit(free_text(0), prompt);
    Texts texts;
    for (int i = 0; i < steps; ++i) (void)step(engine, texts);
    engine.cancel(first);
    EXPECT_EQ(finish(engine, {other}, texts).at(other), other_expected);
    EXPECT_EQ(engine.account().used_blocks, 0);
    engine.cancel(other);  // answered already
    prompt.front() = prompts().back().front();
  }
}

TEST_F(Generating, ScoresGivenTokensAsThePlainDecoderDoes) {
  const auto tokens = prompts().back();
  const auto expected = score_token_sequence(model_, tokens);
  ASSERT_EQ(expected.size(), tokens.size() - 1);
  for (const auto& [precision, tolerance] : {std::pair{"float32", 1e-4}, {"bfloat16", 0.3}, {"int8", 0.3}}) {
    const Engine engine(model_, small_tokenizer(), {.precision = precision});
    const auto scores = engine.score(tokens);
    ASSERT_EQ(scores.size(), expected.size());
    double difference = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      EXPECT_NEAR(scores[i], expected[i], tolerance) << precision;
      difference += std::abs(scores[i] - expected[i]);
    }
    EXPECT_EQ(difference > 1e-3, std::string(precision) != "float32") << precision << " is computed with";
    EXPECT_TRUE(engine.score(std::vector<Token>{1}).empty());
    EXPECT_THROW((void)engine.score(std::vector<Token>{1, 100000}), UsageError);
    EXPECT_THROW((void)engine.score(std::vector<Token>(1000, 1)), UsageError);
  }
}

TEST_F(Generating, RefusesTokensThatTheModelDoesNotHave) {
  Engine engine(model_, small_tokenizer(), {.precision = "float32"});
  EXPECT_THROW((void)engine.submit(free_text(0), std::vector<Token>{1, 100000}), UsageError);
  EXPECT_THROW((void)engine.submit(free_text(0), std::vector<Token>{-1}), UsageError);
  EXPECT_TRUE(engine.step().empty());
}

class GeneratingModel : public ::testing::Test {
 protected:
  GeneratingModel() : model_(EmbeddedLlm::create(small_tokenizer_file(folder_), tiny_options(), 3, torch::kCPU)) {}
  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedLlm> model_;
  const std::vector<std::int32_t> prompt_{1, 260, 300};
};

TEST_F(GeneratingModel, ObeysThePrecision) {
  std::vector<double> sums;
  for (const char* precision : {"float32", "bfloat16", "int8"}) {
    model_->set_engine({.precision = precision});
    const auto text = model_->generate(prompt_, 1);
    ASSERT_EQ(text.log_probabilities.size(), 1U);
    sums.push_back(text.log_probabilities.front());
  }
  EXPECT_NE(sums[1], sums[0]);
  EXPECT_NE(sums[2], sums[0]);
  EXPECT_NEAR(sums[1], sums[0], 0.05);
  EXPECT_NEAR(sums[2], sums[0], 0.05);
}

TEST_F(GeneratingModel, AStreamIsTheSameText) {
  for (const Sampling& sampling : {Sampling{}, Sampling{.temperature = 1.2, .top_p = 0.8, .seed = 4}}) {
    const auto whole = model_->generate(prompt_, 30, sampling);
    ASSERT_EQ(whole.tokens.size(), whole.log_probabilities.size());
    std::vector<std::int32_t> tokens;
    std::vector<double> log_probabilities;
    const auto streamed = model_->generate(prompt_, 30, sampling, [&](std::int32_t token, double log_probability) {
      tokens.push_back(token);
      log_probabilities.push_back(log_probability);
      return true;
    });
    EXPECT_EQ(tokens, whole.tokens);
    EXPECT_EQ(log_probabilities, whole.log_probabilities) << "bit by bit";
    EXPECT_EQ(streamed.text, whole.text);
    EXPECT_EQ(streamed.ended, whole.ended);
  }
}

TEST_F(GeneratingModel, IsTheFreeTextThatACompletionGives) {
  const CompletionRequest request{
      .prompt = {{"liked: "}}, .maximum_tokens = 20, .sampling = {.temperature = 1.5, .seed = 3}};
  const auto answer = model_->complete(std::vector{request}, {}).front();
  EXPECT_EQ(model_->generate(model_->encode(request.prompt), 20, request.sampling).text, answer.text);
}

TEST_F(GeneratingModel, EndsWhereWhoeverListensHasEnough) {
  const auto whole = model_->generate(prompt_, 30).tokens;
  int told = 0;
  const auto cut = model_->generate(prompt_, 30, {}, [&](std::int32_t, double) { return ++told < 3; });
  EXPECT_EQ(told, 3);
  EXPECT_EQ(cut.tokens, std::vector<std::int32_t>(whole.begin(), whole.begin() + 3));
  EXPECT_EQ(model_->engine().account().used_blocks, 0);
  EXPECT_THROW((void)model_->generate(prompt_, 30, {}, [](std::int32_t, double) -> bool { throw InternalError("x"); }),
               InternalError);
  EXPECT_EQ(model_->engine().account().used_blocks, 0);
  EXPECT_EQ(model_->generate(prompt_, 30).tokens, whole);
}

TEST_F(GeneratingModel, SamplesByTheSeed) {
  const auto sampled = [&](std::uint64_t seed, double top_p = 1) {
    return model_->generate(prompt_, 20, {.temperature = 1, .top_p = top_p, .seed = seed}).tokens;
  };
  EXPECT_EQ(sampled(1), sampled(1));
  EXPECT_NE(sampled(1), sampled(2));
  EXPECT_EQ(sampled(1, 0), model_->generate(prompt_, 20).tokens) << "of the likeliest alone there is no choice";
}

TEST_F(GeneratingModel, EndsAtAnEndToken) {
  model_->set_engine({.precision = "float32"});
  const auto free = model_->generate(prompt_, 6);
  ASSERT_EQ(free.tokens.size(), 6U) << "the weights are random: no end token comes by itself";
  EXPECT_FALSE(free.ended);
  ASSERT_NE(free.tokens[2], free.tokens[0]);
  ASSERT_NE(free.tokens[2], free.tokens[1]);
  const auto folder = folder_ / "model";
  model_->save(folder);
  auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["eos_token_id"] = {2, free.tokens[2]};
  write_file_atomically(folder / "config.json", config.dump());
  const auto ending = EmbeddedLlm::load(folder, torch::kCPU);
  ending->set_engine({.precision = "float32"});
  const auto text = ending->generate(prompt_, 6);
  EXPECT_TRUE(text.ended);
  EXPECT_EQ(text.tokens, std::vector<std::int32_t>(free.tokens.begin(), free.tokens.begin() + 2));
  EXPECT_EQ(text.log_probabilities,
            std::vector<double>(free.log_probabilities.begin(), free.log_probabilities.begin() + 2));
  EXPECT_TRUE(ending->generate(prompt_, 3).ended) << "the end token comes in the third place, within the limit";
  EXPECT_FALSE(ending->generate(prompt_, 2).ended);
}

TEST_F(GeneratingModel, RefusesWhatTheContextCannotHold) {
  const auto context = tiny_options().context;
  const auto room = context - static_cast<std::int64_t>(prompt_.size());
  EXPECT_EQ(static_cast<std::int64_t>(model_->generate(prompt_, room).tokens.size()), room);
  for (const std::int64_t maximum : {room + 1, std::numeric_limits<std::int64_t>::max()}) {
    try {
      (void)model_->generate(prompt_, maximum);
      FAIL();
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("the context holds 128"));
    }
  }
  EXPECT_THROW((void)model_->generate(prompt_, 0), UsageError);
  EXPECT_THROW((void)model_->generate(std::vector<std::int32_t>{}, 3), UsageError);
  EXPECT_THROW((void)model_->generate(std::vector<std::int32_t>{1, 100000}, 3), UsageError);
}

}  // namespace
}  // namespace llama4rec::llm
