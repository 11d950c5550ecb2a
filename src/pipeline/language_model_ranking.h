// The language model ranks the candidates of every user: listwise, by the first position, pointwise.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

#include "pipeline/ranking_cases.h"
#include "prompts/cases.h"

namespace llama4rec::pipeline {

/// Orders of one user's candidates, as positions in the backbone's list (0 = its best), best first.
using CandidateOrder = std::vector<std::int64_t>;

/// One ranking method's orders, one per user of the phase.
///   listwise   the generated order (paper)
///   first      by the probability of standing first: one step instead of ten
///   pointwise  by the expected rating, each candidate asked for alone (paper)
using MethodOrders = std::map<std::string, std::vector<CandidateOrder>>;

/// What the language model said about a phase's candidates.
struct LanguageModelRanking {
  MethodOrders orders;
  /// By user and candidate: of the title as the answer's first; of its whole token sequence where the candidates were in several prompts. Empty
  /// where the model does not tell; a user has none where a candidate's is not known.
  std::vector<std::vector<double>> log_probabilities;
  std::vector<std::vector<double>> expected_ratings;  ///< by user and candidate; empty without rating prompts
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;
  std::int64_t prompts = 0;
  std::int64_t fallbacks =
      0;  ///< users and methods with no answer that could be read: the backbone's order stands there
};

/// Asks by the methods that `prompts.methods` names; listwise and first are one question, about at most `prompts.chunk` candidates at once; orders of several prompts are merged as `prompts.merge`
/// says (candidate_chunks.h; generated orders always by place). Users with a single candidate are not asked: its order is given. A method that needs log-probabilities which
/// the model does not tell is left out (UsageError where that leaves none); where an answer is missing (a remote model's), the user keeps the backbone's order, and is counted.
LanguageModelRanking rank_with_language_model(const PhaseCases& cases, LanguageModel& model,
                                              prompts::CaseWriter& writer, const prompts::ItemTexts& texts,
                                              bool augmented, const prompts::PromptOptions& options,
                                              const std::string& label);

nlohmann::json to_json(const LanguageModelRanking& ranking);
/// InternalError when the document is not of that form.
LanguageModelRanking ranking_from_json(const nlohmann::json& document);

}  // namespace llama4rec::pipeline
