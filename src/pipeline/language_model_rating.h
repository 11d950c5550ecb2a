// The language model predicts the rating of every user's item.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

#include "pipeline/rating_cases.h"
#include "prompts/cases.h"

namespace llama4rec::pipeline {

/// One way of reading the model's answers: a rating per case.
///   expected   the mean of the scale's ratings under their probabilities
///   likeliest  the rating that the model answers (paper)
using MethodRatings = std::map<std::string, std::vector<double>>;

/// What the language model said about a phase's items.
struct LanguageModelRating {
  MethodRatings ratings;
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;
  std::int64_t prompts = 0;
  std::int64_t fallbacks =
      0;  ///< cases with no answer that could be read: the conventional model's rating stands there
};

/// The mean of the scale's ratings under the probabilities of an answer to a rating prompt.
double expected_rating(const Completion& answer, const prompts::ItemTexts& texts);

/// Asks for every case. "expected" is left out where the model does not tell probabilities.
LanguageModelRating rate_with_language_model(const RatingPhaseCases& cases, LanguageModel& model,
                                             prompts::CaseWriter& writer, const prompts::ItemTexts& texts,
                                             bool augmented, const std::string& label);

nlohmann::json to_json(const LanguageModelRating& rating);
/// InternalError when the document is not of that form.
LanguageModelRating rating_from_json(const nlohmann::json& document);

}  // namespace llama4rec::pipeline
