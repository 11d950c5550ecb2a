// Training: what is learned, what is not, how runs are cut and resumed.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "llm/batching.h"
#include "llm/checkpoint.h"
#include "llm/embedded_llm.h"
#include "llm/trainer.h"
#include "llm/training_example.h"
#include "llm/training_progress.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_options;
using testing::titles;

TrainingText text_of(std::vector<std::string> segments, std::vector<bool> learn, bool end = true) {
  return {.segments = std::move(segments), .learn = std::move(learn), .end = end};
}

/// Histories of titles, all learned, a different start each time.
std::vector<TrainingText> history_texts(std::int64_t epoch) {
  std::vector<TrainingText> texts;
  for (std::size_t user = 0; user < 12; ++user) {
    TrainingText text;
    for (std::size_t i = 0; i < 6 + user % 3; ++i) {
      text.segments.push_back(titles()[(user + i + static_cast<std::size_t>(epoch % 2)) % titles().size()]);
      text.learn.push_back(true);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

TrainingOptions quick_options(std::int64_t epochs) {
  return {.epochs = epochs, .batch_tokens = 40, .learning_rate = 1e-2, .warmup_steps = 5};
}

TEST(TrainingExample, MarksTheTokensOfLearnedSegmentsAndTheEnd) {
  const auto encoded =
      encode_texts(std::vector{text_of({"Alien", "??", "Aliens"}, {false, false, true})}, small_tokenizer(), 50);
  const auto& example = encoded.examples.at(0);
  ASSERT_EQ(example.tokens.size(), example.learned.size());
  EXPECT_EQ(example.tokens.front(), small_tokenizer().begin_token());
  EXPECT_EQ(example.tokens.back(), small_tokenizer().end_token());
  for (std::size_t i = 0; i + 2 < example.tokens.size(); ++i) EXPECT_FALSE(example.learned[i]);
  EXPECT_TRUE(example.learned[example.tokens.size() - 2]);
  EXPECT_TRUE(example.learned.back());
  EXPECT_EQ(encoded.learned_tokens, 2);
}

TEST(TrainingExample, LosesItsOldestUnlearnedSegmentsFirst) {
  const std::vector<TrainingText> texts{
      text_of({"Alien", "Aliens", "Fargo (1996)", "Alien 3", "Toy Story (1995)"}, {true, false, false, false, true})};
  const auto encoded = encode_texts(texts, small_tokenizer(), 5);  // begin, three titles, end
  EXPECT_EQ(small_tokenizer().decode(encoded.examples.at(0).tokens), "AlienAlien 3Toy Story (1995)");
  EXPECT_EQ(encoded.shortened, 1);
  EXPECT_EQ(encoded.dropped_segments, 2);
}

TEST(TrainingExample, RefusesALearnedPartThatDoesNotFit) {
  const std::vector<TrainingText> texts{text_of({"Alien"}, {true}),
                                        text_of({"x", "Alien", "Aliens"}, {false, true, true})};
  try {
    encode_texts(texts, small_tokenizer(), 3);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("text 2"));
    EXPECT_THAT(error.what(), HasSubstr("4 tokens"));
  }
}

TEST(TrainingExample, CountsTextsThatTeachNothing) {
  const auto encoded = encode_texts(std::vector{text_of({"Alien"}, {false}), text_of({}, {}), text_of({"a"}, {true})},
                                    small_tokenizer(), 9);
  EXPECT_EQ(encoded.without_learned, 2);
  EXPECT_EQ(encoded.examples.size(), 1U);
  EXPECT_THROW((void)encode_texts(std::vector{text_of({"a", "b"}, {true})}, small_tokenizer(), 9), DataError);
}

TEST(Batching, UsesEveryExampleOncePerEpochWithinTheTokenLimit) {
  std::vector<TrainingExample> examples;
  for (std::size_t i = 0; i < 500; ++i) {
    const std::size_t length = 2 + (i * 37) % 60;
    examples.push_back({.tokens = std::vector<Token>(length, 1), .learned = std::vector<bool>(length, true)});
  }
  std::vector<int> seen(examples.size(), 0);
  std::int64_t slots = 0;
  std::int64_t real = 0;
  for (const auto& batch : plan_batches(examples, 256, 1, 0)) {
    std::int64_t longest = 0;
    for (const auto place : batch) {
      ++seen[static_cast<std::size_t>(place)];
      longest = std::max(longest, examples[static_cast<std::size_t>(place)].length() - 1);
      real += examples[static_cast<std::size_t>(place)].length() - 1;
    }
    EXPECT_LE(longest * static_cast<std::int64_t>(batch.size()), 256);
    slots += longest * static_cast<std::int64_t>(batch.size());
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  EXPECT_LT(static_cast<double>(slots), 1.15 * static_cast<double>(real)) << "padding";
  EXPECT_EQ(plan_batches(examples, 256, 1, 0), plan_batches(examples, 256, 1, 0));
  EXPECT_NE(plan_batches(examples, 256, 1, 0), plan_batches(examples, 256, 1, 1));
  EXPECT_NE(plan_batches(examples, 256, 1, 0), plan_batches(examples, 256, 2, 0));
}

TEST(Trainer, LearningRateRisesThenFollowsTheCosineToItsMinimum) {
  const TrainingOptions options{.learning_rate = 2, .minimum_learning_rate = 0.1, .warmup_steps = 10};
  EXPECT_DOUBLE_EQ(learning_rate(options, 1, 110), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(options, 10, 110), 2);
  EXPECT_NEAR(learning_rate(options, 60, 110), 2 * 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(options, 110, 110), 0.2, 1e-12);
  EXPECT_GT(learning_rate(options, 1, 1), 0) << "no warm-up of more than a tenth of the run";
}

TEST(Trainer, UnlearnedTargetsDoNotChangeAnything) {
  // The last segment is only read, and no learned token follows it: what it says must not matter.
  const auto weights_after = [](const std::string& ending) {
    const TemporaryFolder folder;
    auto model = EmbeddedLlm::create(small_tokenizer_file(folder), tiny_options(), 3, torch::kCPU);
    const std::vector<TrainingText> texts{{.segments = {"Alien", "Aliens", ending}, .learn = {false, true, false}}};
    model->train([&](std::int64_t) { return texts; }, quick_options(2), 1, {});
    return model->fingerprint();
  };
  EXPECT_EQ(weights_after("Alien 3"), weights_after("Fargo (1996)"));
}

TEST(Trainer, MemorisesASmallCorpusAndSaysItBack) {
  const TemporaryFolder folder;
  auto model = EmbeddedLlm::create(small_tokenizer_file(folder), tiny_options(), 3, torch::kCPU);
  const std::vector<TrainingText> texts{text_of({"best of 1977: ", "Star Wars (1977)"}, {false, true}),
                                        text_of({"best of 1996: ", "Fargo (1996)"}, {false, true}),
                                        text_of({"best of 1995: ", "Toy Story (1995)"}, {false, true})};
  const auto before = model->fingerprint();
  auto options = quick_options(250);
  const auto summary = model->train([&](std::int64_t) { return texts; }, options, 1, {.validation = texts});
  EXPECT_EQ(summary.losses.size(), 250U);
  EXPECT_EQ(summary.validation_losses.size(), 250U);
  EXPECT_GT(summary.losses.front(), 4);
  EXPECT_LT(summary.losses.back(), 0.02);
  EXPECT_NEAR(summary.validation_losses.back(), model->evaluate(texts), 1e-6);
  EXPECT_NE(model->fingerprint(), before);
  std::vector<CompletionRequest> requests;
  for (const auto& text : texts) requests.push_back({.prompt = {{text.segments[0]}}, .maximum_tokens = 9});
  const auto answers = model->complete(requests, {});
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(answers[i].text, texts[i].segments[1]);
}

/// Loads and stores go through a folder, so that the resumed run starts in a fresh process's state.
std::unique_ptr<EmbeddedLlm> fresh(const TemporaryFolder& folder) {
  auto options = tiny_options();
  options.dropout = 0.2;
  return EmbeddedLlm::create(small_tokenizer_file(folder), options, 3, torch::kCPU);
}

TEST(Trainer, AnInterruptedAndResumedRunEqualsTheUninterruptedOneBitByBit) {
  const TemporaryFolder folder;
  auto whole = fresh(folder);
  const auto expected = whole->train(history_texts, quick_options(5), 7, {});

  const auto state = folder / "training.safetensors";
  TrainingHooks hooks{.checkpoint = state};
  hooks.on_step = [](const TrainingStep& step) {
    if (step.epoch == 1) request_interrupt(true);
  };
  EXPECT_THROW(fresh(folder)->train(history_texts, quick_options(5), 7, hooks), InterruptedError);
  request_interrupt(false);
  ASSERT_TRUE(std::filesystem::exists(state));

  std::int64_t first_step = 0;
  hooks.on_step = [&](const TrainingStep& step) {
    if (first_step == 0) first_step = step.step;
  };
  auto resumed = fresh(folder);
  const auto summary = resumed->train(history_texts, quick_options(5), 7, hooks);
  EXPECT_GT(first_step, 1) << "it must not start over";
  EXPECT_EQ(summary.losses, expected.losses);
  EXPECT_EQ(summary.steps, expected.steps);
  EXPECT_EQ(summary.tokens, expected.tokens);
  EXPECT_EQ(summary.learned_tokens, expected.learned_tokens);
  EXPECT_EQ(resumed->fingerprint(), whole->fingerprint());
  EXPECT_TRUE(std::filesystem::exists(state)) << "kept until the caller has saved the model";
}

TEST(Trainer, RefusesTheStateOfAnotherRunAndADamagedOne) {
  const TemporaryFolder folder;
  const auto state = folder / "training.safetensors";
  TrainingHooks hooks{.checkpoint = state};
  hooks.on_step = [](const TrainingStep&) { request_interrupt(true); };
  EXPECT_THROW(fresh(folder)->train(history_texts, quick_options(3), 7, hooks), InterruptedError);
  request_interrupt(false);
  hooks.on_step = {};
  EXPECT_THROW(fresh(folder)->train(history_texts, quick_options(3), 8, hooks), DataError) << "another seed";
  EXPECT_THROW(fresh(folder)->train(history_texts, quick_options(4), 7, hooks), DataError) << "other options";
  const auto other_texts = [](std::int64_t epoch) { return history_texts(epoch + 1); };
  EXPECT_THROW(fresh(folder)->train(other_texts, quick_options(3), 7, hooks), DataError) << "other texts";
  const auto bytes = read_file(state);
  write_file_atomically(state, std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_THROW(fresh(folder)->train(history_texts, quick_options(3), 7, hooks), DataError);
}

TEST(Trainer, SeedDecidesTheResult) {
  const TemporaryFolder folder;
  const auto run = [&](std::uint64_t seed) {
    auto model = fresh(folder);
    model->train(history_texts, quick_options(2), seed, {});
    return model->fingerprint();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Trainer, NamesTheStepWhereTheLossIsLost) {
  const TemporaryFolder folder;
  auto model = fresh(folder);
  auto options = quick_options(40);
  options.learning_rate = 1e18;
  options.clip_norm = 0;
  try {
    model->train(history_texts, options, 1, {});
    FAIL() << "a learning rate of 1e18 must diverge";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("step"));
    EXPECT_THAT(error.what(), HasSubstr("lower the learning rate"));
  }
}

TEST(Trainer, RefusesTextWithNothingToLearn) {
  const TemporaryFolder folder;
  auto model = fresh(folder);
  EXPECT_THROW(model->train([](std::int64_t) { return std::vector<TrainingText>{}; }, quick_options(1), 1, {}),
               DataError);
  EXPECT_THROW((void)model->evaluate({}), DataError);
}

TEST(Trainer, AsksTheSourceOncePerEpoch) {
  const TemporaryFolder folder;
  std::vector<std::int64_t> asked;
  fresh(folder)->train(
      [&](std::int64_t epoch) {
        asked.push_back(epoch);
        return history_texts(epoch);
      },
      quick_options(3), 1, {});
  EXPECT_THAT(asked, ::testing::ElementsAre(0, 1, 2));
}

TEST(Trainer, TellsEveryStepsSpeedAndShareOfThePeak) {
  const TemporaryFolder folder;
  TrainingHooks hooks;
  std::vector<TrainingStep> steps;
  hooks.on_step = [&](const TrainingStep& step) { steps.push_back(step); };
  fresh(folder)->train(history_texts, quick_options(1), 1, hooks);
  ASSERT_FALSE(steps.empty());
  for (const auto& step : steps) {
    EXPECT_GT(step.tokens_per_second, 0);
    EXPECT_GT(step.share_of_peak, 0);
    EXPECT_LT(step.share_of_peak, 1.2);
  }
}

TEST(TrainingProgress, NotesTheShareOfThePeakWhereItIsKnown) {
  TrainingStep step{.epoch = 1, .step = 3, .steps = 9, .loss = 1.23456, .tokens_per_second = 5120.4};
  EXPECT_EQ(training_note(step), "epoch 2, loss 1.235, 5,120 tokens/s");
  step.share_of_peak = 0.714;
  EXPECT_EQ(training_note(step), "epoch 2, loss 1.235, 5,120 tokens/s, 71% of peak");
}

}  // namespace
}  // namespace llama4rec::llm
