// Answers: batched, shared and cached reading against the scalar reference on one prompt alone.
#include "llm/decoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "core/random.h"
#include "llm/checkpoint.h"
#include "unit/llm/reference_llama.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::ReferenceLlama;
using testing::small_tokenizer;
using testing::tiny_config;
using testing::titles;
using testing::widen_weights;

class Decoder : public ::testing::Test {
 protected:
  Decoder() : model_(config(), 5, torch::kCPU) {
    widen_weights(model_, 0.25, 21);
    tensors_ = standard_tensors(model_);
  }
  static ModelConfig config() {
    auto config = tiny_config(small_tokenizer().vocabulary(), 4, 2, true);
    config.context = 400;
    return config;
  }

  [[nodiscard]] std::vector<Completion> complete(const std::vector<CompletionRequest>& requests,
                                                 const DecoderOptions& options = {}) const {
    return complete_requests(model_, small_tokenizer(), requests, options, {});
  }
  [[nodiscard]] std::vector<std::vector<double>> reference(const std::vector<Token>& tokens) const {
    return ReferenceLlama(model_.config(), tensors_).log_probabilities(tokens);
  }
  /// log P(tail | prompt) by the reference.
  [[nodiscard]] double reference_score(const std::vector<Token>& prompt, const std::vector<Token>& tail) const {
    auto all = prompt;
    all.insert(all.end(), tail.begin(), tail.end());
    const auto scores = ReferenceLlama(model_.config(), tensors_).score(all);
    return std::accumulate(scores.end() - static_cast<std::ptrdiff_t>(tail.size()), scores.end(), 0.0);
  }

  static std::vector<Token> tokens_of(const std::string& text) { return small_tokenizer().encode(text); }
  static std::vector<Token> prompt_of(const CompletionRequest& request) {
    return small_tokenizer().encode_prompt(request.prompt.segments);
  }

  Transformer model_;
  std::map<std::string, torch::Tensor> tensors_;
};

CompletionRequest question(std::vector<std::string> segments, AnswerKind kind, std::vector<std::string> options = {}) {
  return {.prompt = {std::move(segments)},
          .grammar = {.kind = kind,
                      .options = std::move(options),
                      .separator = kind == AnswerKind::kPermutation ? "; " : ""},
          .maximum_tokens = 12};
}

/// Questions of some users, of all kinds, with shared beginnings, awkward options and different lengths.
std::vector<CompletionRequest> many_questions() {
  std::vector<CompletionRequest> requests;
  for (std::size_t user = 0; user < 4; ++user) {
    std::vector<std::string> history{"The user liked these movies, oldest first:"};
    for (std::size_t i = 0; i < 4 + 3 * user; ++i) {
      history.push_back(titles()[(user + i) % titles().size()]);
      history.push_back("; ");
    }
    auto with = [&](const std::string& ask) {
      auto segments = history;
      segments.push_back(ask);
      return segments;
    };
    requests.push_back(question(with("Rating?"), AnswerKind::kChoice, {"1", "2", "3", "4", "5"}));
    requests.push_back(question(with("Which one?"), AnswerKind::kChoice, {"Alien", "Aliens", "Alien 3"}));
    requests.push_back(question(history, AnswerKind::kPermutation,
                                {titles()[0], titles()[1], titles()[2], "unknown film", "unknown", "</s>"}));
    requests.push_back(question(with("Say"), AnswerKind::kFreeText));
    requests.push_back(question(with("Which one?"), AnswerKind::kPermutation, {"Alien", "Aliens", "Alien 3", "Al"}));
  }
  return requests;
}

TEST_F(Decoder, ScoresEveryOptionOfAChoiceIncludingItsEnd) {
  const auto request = question({"The user liked ", "Alien", "; "}, AnswerKind::kChoice,
                                {"Alien 3", "Fargo", "Fargo (1996)", "\xFF broken", "Alien"});
  const auto completion = complete({request})[0];
  double total = 0;
  std::vector<double> expected;
  for (const auto& option : request.grammar.options) {
    auto tail = tokens_of(option);
    tail.push_back(small_tokenizer().end_token());
    expected.push_back(reference_score(prompt_of(request), tail));
    total += std::exp(expected.back());
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(completion.option_sequence_log_probabilities[i], expected[i], 2e-3);
    EXPECT_NEAR(completion.option_log_probabilities[i], expected[i] - std::log(total), 2e-3);
  }
  const auto best = std::max_element(expected.begin(), expected.end()) - expected.begin();
  EXPECT_THAT(completion.order, ::testing::ElementsAre(best));
  EXPECT_EQ(completion.text, request.grammar.options[static_cast<std::size_t>(best)]);
  EXPECT_EQ(completion.prompt_tokens, static_cast<std::int64_t>(prompt_of(request).size()));
}

TEST_F(Decoder, ChoosesTheFirstOfOptionsThatReadTheSame) {
  // Different as texts for the caller, the same bytes for the model.
  auto request = question({"x"}, AnswerKind::kChoice, {"Alien", "Alien"});
  EXPECT_THAT(complete({request})[0].order, ::testing::ElementsAre(0));
}

/// The greedy permutation by the reference: one token at a time, one prompt alone, over explicit remaining sequences.
TEST_F(Decoder, GeneratesThePermutationThatStepByStepReadingGives) {
  for (const auto& request : many_questions()) {
    if (request.grammar.kind != AnswerKind::kPermutation) continue;
    const auto& options = request.grammar.options;
    const auto separator = tokens_of(request.grammar.separator);
    auto context = prompt_of(request);
    std::vector<std::int64_t> remaining(options.size());
    std::iota(remaining.begin(), remaining.end(), 0);
    std::vector<std::int64_t> order;
    while (!remaining.empty()) {
      std::vector<Token> written;
      std::int64_t found = -1;
      while (found < 0) {
        std::vector<Token> candidates;
        for (const auto option : remaining) {
          auto sequence = tokens_of(options[static_cast<std::size_t>(option)]);
          if (remaining.size() > 1) {
            sequence.insert(sequence.end(), separator.begin(), separator.end());
          } else {
            sequence.push_back(small_tokenizer().end_token());
          }
          if (sequence.size() == written.size() && sequence == written) found = option;
          if (sequence.size() > written.size() && std::equal(written.begin(), written.end(), sequence.begin())) {
            candidates.push_back(sequence[written.size()]);
          }
        }
        if (found >= 0) break;
        const auto last = reference(context).back();
        const auto best = *std::max_element(candidates.begin(), candidates.end(), [&](Token a, Token b) {
          return last[static_cast<std::size_t>(a)] < last[static_cast<std::size_t>(b)];
        });
        written.push_back(best);
        context.push_back(best);
      }
      order.push_back(found);
      std::erase(remaining, found);
    }
    const auto completion = complete({request})[0];
    EXPECT_EQ(completion.order, order);
    std::vector<double> expected;
    for (const auto& option : options) {
      auto tail = tokens_of(option);
      tail.insert(tail.end(), separator.begin(), separator.end());
      expected.push_back(reference_score(prompt_of(request), tail));
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(completion.option_sequence_log_probabilities[i], expected[i], 2e-3);
    }
    std::string text;
    for (const auto option : order) text += (text.empty() ? "" : "; ") + options[static_cast<std::size_t>(option)];
    EXPECT_EQ(completion.text, text);
  }
}

TEST_F(Decoder, GeneratesTheFreeTextThatStepByStepReadingGives) {
  for (const auto& request : many_questions()) {
    if (request.grammar.kind != AnswerKind::kFreeText) continue;
    auto context = prompt_of(request);
    std::vector<Token> written;
    while (static_cast<std::int64_t>(written.size()) < request.maximum_tokens) {
      const auto last = reference(context).back();
      const auto best = static_cast<Token>(std::max_element(last.begin(), last.end()) - last.begin());
      if (best == small_tokenizer().end_token()) break;
      written.push_back(best);
      context.push_back(best);
    }
    const auto generated =
        generate_tokens(model_, model_.config().vocabulary, prompt_of(request), request.maximum_tokens);
    EXPECT_EQ(generated.tokens, written);
    const auto scores = score_token_sequence(model_, context);
    for (std::size_t i = 0; i < written.size(); ++i) {
      EXPECT_NEAR(generated.log_probabilities[i], scores[prompt_of(request).size() - 1 + i], 1e-3);
    }
    EXPECT_EQ(complete({request})[0].prompt_tokens, static_cast<std::int64_t>(prompt_of(request).size()));
  }
}

void expect_same(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text) << i;
    EXPECT_EQ(a[i].order, b[i].order) << i;
    EXPECT_EQ(a[i].answer_tokens, b[i].answer_tokens) << i;
    ASSERT_EQ(a[i].option_sequence_log_probabilities.size(), b[i].option_sequence_log_probabilities.size());
    for (std::size_t k = 0; k < a[i].option_sequence_log_probabilities.size(); ++k) {
      EXPECT_NEAR(a[i].option_sequence_log_probabilities[k], b[i].option_sequence_log_probabilities[k], 2e-3) << i;
    }
  }
}

TEST_F(Decoder, AnswersDoNotDependOnTheBatch) {
  const auto requests = many_questions();
  const auto together = complete(requests);
  std::vector<Completion> alone;
  for (const auto& request : requests) alone.push_back(complete({request})[0]);
  expect_same(together, alone);
  std::vector<CompletionRequest> reversed(requests.rbegin(), requests.rend());
  auto backwards = complete(reversed);
  std::reverse(backwards.begin(), backwards.end());
  expect_same(together, backwards);
  expect_same(together, complete(requests, {.batch_slots = 300}));
}

TEST_F(Decoder, SharingPrefixesAndJumpingForwardChangeNothing) {
  const auto requests = many_questions();
  const auto all = complete(requests);
  expect_same(all, complete(requests, {.share_prefixes = false}));
  expect_same(all, complete(requests, {.jump_forward = false}));
}

TEST_F(Decoder, AppendsTheRestByFirstPositionProbability) {
  auto request = many_questions()[2];
  const auto full = complete({request})[0];
  request.grammar.generate_first = 2;
  const auto partial = complete({request})[0];
  EXPECT_EQ(partial.order[0], full.order[0]);
  EXPECT_EQ(partial.order[1], full.order[1]);
  EXPECT_EQ(partial.order.size(), full.order.size());
  const auto& scores = partial.option_sequence_log_probabilities;
  for (std::size_t i = 3; i < partial.order.size(); ++i) {
    EXPECT_GE(scores[static_cast<std::size_t>(partial.order[i - 1])],
              scores[static_cast<std::size_t>(partial.order[i])]);
  }
}

TEST_F(Decoder, APermutationOfOneOptionIsThatOption) {
  const auto completion = complete({question({"x"}, AnswerKind::kPermutation, {"Alien"})})[0];
  EXPECT_EQ(completion.text, "Alien");
  EXPECT_THAT(completion.order, ::testing::ElementsAre(0));
  EXPECT_NEAR(completion.option_log_probabilities[0], 0, 1e-9);
}

TEST_F(Decoder, RefusesWhatCannotFitAndNamesTheRequest) {
  std::vector<CompletionRequest> requests{question({"short"}, AnswerKind::kChoice, {"a"})};
  std::vector<std::string> segments(390, "Alien");
  requests.push_back(question(segments, AnswerKind::kFreeText));
  try {
    (void)complete(requests);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("request 1"));
    EXPECT_THAT(error.what(), HasSubstr("391 tokens"));
    EXPECT_THAT(error.what(), HasSubstr("400"));
  }
  EXPECT_THROW((void)complete({question({"x"}, AnswerKind::kChoice)}), UsageError);
  EXPECT_THROW((void)complete({question({"x"}, AnswerKind::kChoice, {"a", ""})}), UsageError);
  EXPECT_TRUE(complete({}).empty());
}

TEST_F(Decoder, FillsTheContextToItsLastToken) {
  std::vector<std::string> segments(400 - 1 - 12, "Alien");
  EXPECT_NO_THROW((void)complete({question(segments, AnswerKind::kFreeText)}));
  segments.emplace_back("Alien");
  EXPECT_THROW((void)complete({question(segments, AnswerKind::kFreeText)}), UsageError);
}

TEST_F(Decoder, RefusesTokensThatDoNotExist) {
  EXPECT_THROW(score_token_sequence(model_, std::vector<Token>{1, 100000}), UsageError);
  EXPECT_THROW(generate_tokens(model_, model_.config().vocabulary, std::vector<Token>{}, 3), UsageError);
  EXPECT_THROW(generate_tokens(model_, model_.config().vocabulary, std::vector<Token>{1}, 400), UsageError);
  EXPECT_TRUE(score_token_sequence(model_, std::vector<Token>{1}).empty());
}

TEST_F(Decoder, StopsBetweenBatchesWhenInterrupted) {
  request_interrupt(true);
  EXPECT_THROW((void)complete(many_questions()), InterruptedError);
  request_interrupt(false);
}

TEST_F(Decoder, ReportsProgressUpToTheLastRequest) {
  std::vector<std::int64_t> reports;
  std::vector<CompletionRequest> requests;  // several batches for each of many threads
  for (int i = 0; i < 20; ++i) {
    for (auto& request : many_questions()) requests.push_back(std::move(request));
  }
  complete_requests(model_, small_tokenizer(), requests, {.batch_slots = 20},
                    [&](std::int64_t answered) { reports.push_back(answered); });
  EXPECT_TRUE(std::is_sorted(reports.begin(), reports.end()));
  EXPECT_GT(reports.size(), 2U);
  EXPECT_EQ(reports.back(), static_cast<std::int64_t>(requests.size()));
}

}  // namespace
}  // namespace llama4rec::llm
