// One request on its way through the decoder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/model_config.h"
#include "llm/prompt_plan.h"
#include "llm/tokenizer.h"

namespace llama4rec::llm {

/// log P(token | what stands up to `slot` of the request's tree).
struct TokenQuestion {
  std::int64_t slot = 0;
  Token token = 0;
};

/// A request in tokens, and where it lies in its tree once that is built.
struct PreparedRequest {
  const CompletionRequest* request = nullptr;
  PlannedPrompt prompt;
  std::vector<std::vector<Token>> options;            ///< tokens of each option, without terminator
  std::vector<Token> separator;                       ///< of a permutation
  std::vector<std::int64_t> path;                     ///< slots of the prompt
  std::vector<std::vector<TokenQuestion>> questions;  ///< by option: its tokens and its terminator

  [[nodiscard]] bool generates() const { return request->grammar.kind != AnswerKind::kChoice; }
  /// What ends an option at the first position.
  [[nodiscard]] std::vector<Token> terminator(Token end) const;
};

/// Encodes and checks one request. UsageError naming its index: no options, an empty one, or longer than the context.
PreparedRequest prepare_request(const CompletionRequest& request, std::size_t index, const Tokenizer& tokenizer,
                                std::int64_t context);
/// The same with a prompt that is encoded already.
PreparedRequest prepare_tokens(const CompletionRequest& request, std::size_t index, const Tokenizer& tokenizer,
                               std::int64_t context, std::vector<Token> tokens);
/// UsageError for no tokens, tokens outside the vocabulary, or more than the context holds together with `more` new ones, which must
/// be at least one where they are given.
void check_tokens(std::span<const Token> tokens, std::optional<std::int64_t> more, const ModelConfig& config);

/// Sets order, text and the options' probabilities of a scored request from log P of each option's tokens.
void set_option_scores(const PreparedRequest& prepared, std::vector<double> sequence_log_probabilities,
                       Completion& completion);
/// Completes a permutation: the generated options, then the rest by first-position probability.
void set_permutation(const PreparedRequest& prepared, std::vector<std::int64_t> generated, Completion& completion);

}  // namespace llama4rec::llm
