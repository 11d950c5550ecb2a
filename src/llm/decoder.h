// Answers to batches of requests: token trees for what is scored, step by step decoding for what is generated.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <llama4rec/language_model.h>

#include "llm/continuations.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// What is said of a request that is to be sampled.
inline constexpr const char* kGreedyOnly = "a temperature above 0 is for models on the CPU (runtime.device)";

/// How to decode; the defaults are the product's, the others are for tests and comparisons.
struct DecoderOptions {
  bool share_prefixes = true;       ///< off: every request in a tree of its own
  bool jump_forward = true;         ///< off: forced tokens are read one by one
  std::int64_t batch_slots = 8192;  ///< most tokens that are read at once (a single longer request excepted)
};

/// Answers in the order of the requests, by a deterministic plan:
/// 1. neighbouring requests that share the beginning of their prompts form one token tree (prompt_plan.h), which also holds
///    the options to be scored; several trees are read at once;
/// 2. choices, and the first positions of permutations, are scored from that one pass: log P of each option's tokens and
///    the token(s) that end it (the end token; in a permutation of several options the separator);
/// 3. permutations and free text go on from the trees' keys and values, one batch of all of a pass, greedily. Equal logits: the
///    smaller token. UsageError for a request that is to be sampled: the engine does that.
std::vector<Completion> complete_requests(const Transformer& model, const Tokenizer& tokenizer,
                                          std::span<const CompletionRequest> requests, const DecoderOptions& options,
                                          const CompletionProgress& progress);

/// Greedy until the end token or `maximum` tokens, choosing among the first `vocabulary` tokens; `wrote` is told each and may end it.
/// UsageError for tokens outside the vocabulary, no tokens, or more than the context holds together.
GeneratedTokens generate_tokens(const Transformer& model, std::int64_t vocabulary, std::span<const Token> prompt,
                                std::int64_t maximum, const TokenArrival& wrote = {});

/// log P(token | tokens before it), one per token after the first. Errors as above.
std::vector<double> score_token_sequence(const Transformer& model, std::span<const Token> tokens);

}  // namespace llama4rec::llm
