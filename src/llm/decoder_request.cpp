#include "llm/decoder_request.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

/// Most tokens of an answer.
std::int64_t longest_answer(const PreparedRequest& prepared) {
  const auto& grammar = prepared.request->grammar;
  if (grammar.kind == AnswerKind::kFreeText) return prepared.request->maximum_tokens;
  std::vector<std::int64_t> lengths;
  for (const auto& option : prepared.options) lengths.push_back(static_cast<std::int64_t>(option.size()));
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
  if (grammar.kind == AnswerKind::kChoice) return lengths.front() + 1;
  const auto all = static_cast<std::int64_t>(lengths.size());
  const auto generated = grammar.generate_first > 0 ? std::min(grammar.generate_first, all) : all;
  const auto separators = generated * static_cast<std::int64_t>(prepared.separator.size());
  return std::accumulate(lengths.begin(), lengths.begin() + generated, std::int64_t{1}) + separators;
}

}  // namespace

std::vector<Token> PreparedRequest::terminator(Token end) const {
  const bool more_follow = request->grammar.kind == AnswerKind::kPermutation && options.size() > 1;
  return more_follow ? separator : std::vector<Token>{end};
}

PreparedRequest prepare_request(const CompletionRequest& request, std::size_t index, const Tokenizer& tokenizer,
                                std::int64_t context) {
  return prepare_tokens(request, index, tokenizer, context, tokenizer.encode_prompt(request.prompt.segments));
}

PreparedRequest prepare_tokens(const CompletionRequest& request, std::size_t index, const Tokenizer& tokenizer,
                               std::int64_t context, std::vector<Token> tokens) {
  PreparedRequest prepared{.request = &request};
  prepared.prompt.tokens = std::move(tokens);
  const auto& grammar = request.grammar;
  if (grammar.kind == AnswerKind::kFreeText) {
    if (request.maximum_tokens < 1) {
      throw UsageError(
          fmt::format("request {}: maximum_tokens is {}, expected at least 1", index, request.maximum_tokens));
    }
  } else {
    if (grammar.options.empty()) throw UsageError(fmt::format("request {}: the answer has no options", index));
    if (grammar.generate_first < 0) {
      throw UsageError(
          fmt::format("request {}: generate_first is {}, expected at least 0", index, grammar.generate_first));
    }
    for (const auto& option : grammar.options) {
      prepared.options.push_back(tokenizer.encode(option));
      if (prepared.options.back().empty()) throw UsageError(fmt::format("request {}: an option is empty", index));
    }
    if (grammar.kind == AnswerKind::kPermutation) prepared.separator = tokenizer.encode(grammar.separator);
    const auto tail = static_cast<std::int64_t>(prepared.terminator(tokenizer.end_token()).size());
    for (const auto& option : prepared.options) {
      prepared.prompt.answer_tokens += std::max<std::int64_t>(0, static_cast<std::int64_t>(option.size()) + tail - 1);
    }
  }
  const auto prompt = static_cast<std::int64_t>(prepared.prompt.tokens.size());
  const auto answer = longest_answer(prepared);
  if (prompt + answer > context) {
    throw UsageError(fmt::format("request {}: {} tokens of prompt and up to {} of answer, the context holds {}", index,
                                 prompt, answer, context));
  }
  return prepared;
}

void check_tokens(std::span<const Token> tokens, std::optional<std::int64_t> more, const ModelConfig& config) {
  if (more && *more < 1) throw UsageError(fmt::format("{} new tokens asked for, expected at least 1", *more));
  if (tokens.empty()) throw UsageError("no tokens given");
  for (const auto token : tokens) {
    if (token < 0 || token >= config.vocabulary) {
      throw UsageError(fmt::format("token {} lies outside the vocabulary of {}", token, config.vocabulary));
    }
  }
  const auto count = static_cast<std::int64_t>(tokens.size());
  // Compared so that a huge number of new ones cannot overflow.
  if (count > config.context || more.value_or(0) > config.context - count) {
    throw UsageError(
        fmt::format("{} tokens and {} new ones, the context holds {}", count, more.value_or(0), config.context));
  }
}

void set_option_scores(const PreparedRequest& prepared, std::vector<double> sequence_log_probabilities,
                       Completion& completion) {
  const auto& scores = sequence_log_probabilities;
  const auto best = std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - *best);
  completion.option_log_probabilities.clear();
  for (const double score : scores) completion.option_log_probabilities.push_back(score - *best - std::log(sum));
  const auto chosen = best - scores.begin();  // of equal ones the first
  completion.option_sequence_log_probabilities = std::move(sequence_log_probabilities);
  if (prepared.generates()) return;
  completion.order = {chosen};
  completion.text = prepared.request->grammar.options[static_cast<std::size_t>(chosen)];
  completion.answer_tokens = static_cast<std::int64_t>(prepared.options[static_cast<std::size_t>(chosen)].size()) + 1;
}

void set_permutation(const PreparedRequest& prepared, std::vector<std::int64_t> generated, Completion& completion) {
  const auto& scores = completion.option_sequence_log_probabilities;
  std::vector<std::int64_t> rest;
  for (std::int64_t option = 0; option < static_cast<std::int64_t>(scores.size()); ++option) {
    if (std::find(generated.begin(), generated.end(), option) == generated.end()) rest.push_back(option);
  }
  std::stable_sort(rest.begin(), rest.end(), [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  completion.order = std::move(generated);
  completion.order.insert(completion.order.end(), rest.begin(), rest.end());
  completion.text.clear();
  for (const auto option : completion.order) {
    if (!completion.text.empty()) completion.text += prepared.request->grammar.separator;
    completion.text += prepared.request->grammar.options[static_cast<std::size_t>(option)];
  }
}

}  // namespace llama4rec::llm
