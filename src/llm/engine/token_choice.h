// What the engine does with states: probabilities of options, and the choice of the next tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/decoder_request.h"
#include "llm/engine/packed_model.h"

namespace llama4rec::llm {

/// A request's options: the states that each token of each option is asked of, in the order of PreparedRequest::questions.
struct OptionQuestions {
  const PreparedRequest* prepared = nullptr;
  std::vector<double> scores;                   ///< out: log P of each option's tokens
  std::vector<std::vector<const float*>> rows;  ///< by option and token
};
void score_options(const PackedModel& model, std::span<OptionQuestions> questions);

/// The next token of one sequence.
struct TokenChoice {
  const float* state = nullptr;  ///< [hidden], behind the last norm
  std::vector<Token> allowed;    ///< ascending; empty: any of the vocabulary
  Sampling sampling;
  std::int64_t place = 0;      ///< tokens chosen before, for the random stream
  Token token = 0;             ///< out
  double log_probability = 0;  ///< out: without temperature; 0 where `allowed` names some
};
/// Greedily (equal logits: the smaller token) or by the sequence's own random stream. Free choices are among the first `vocabulary` tokens.
void choose_tokens(const PackedModel& model, std::int64_t vocabulary, std::span<TokenChoice> choices);

/// The place of a logit drawn with probability softmax(logits / temperature) among the likeliest that together reach `top_p`;
/// `uniform` in [0, 1). Equal logits: the smaller place counts as the likelier.
std::size_t sample_place(std::span<const float> logits, const Sampling& sampling, double uniform);

}  // namespace llama4rec::llm
