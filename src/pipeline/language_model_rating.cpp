#include "pipeline/language_model_rating.h"

#include <cmath>

#include <llama4rec/error.h>

#include "core/progress.h"

namespace llama4rec::pipeline {

double expected_rating(const Completion& answer, const prompts::ItemTexts& texts) {
  double sum = 0;
  for (std::size_t option = 0; option < answer.option_log_probabilities.size(); ++option) {
    sum += std::exp(answer.option_log_probabilities[option]) * texts.rating_value(option);
  }
  return sum;
}

LanguageModelRating rate_with_language_model(const RatingPhaseCases& cases, LanguageModel& model,
                                             prompts::CaseWriter& writer, const prompts::ItemTexts& texts,
                                             bool augmented, const std::string& label) {
  std::vector<CompletionRequest> requests;
  for (const auto& question : cases.cases) {
    requests.push_back({.prompt = writer.templates().rating(writer.rating(question, augmented)),
                        .grammar = writer.templates().rating_grammar()});
  }
  Progress progress(label, static_cast<std::int64_t>(requests.size()), "prompts");
  const auto answers = model.complete(requests, [&](std::int64_t answered) { progress.set(answered); });
  progress.finish();

  const bool tells = model.option_probabilities() != OptionProbabilities::kNone;
  LanguageModelRating result;
  auto& likeliest = result.ratings["likeliest"];
  std::vector<double> expected;
  for (std::size_t n = 0; n < answers.size(); ++n) {
    const Completion& answer = answers[n];
    result.prompt_tokens += answer.prompt_tokens;
    result.answer_tokens += answer.answer_tokens;
    if (answer.outcome != AnswerOutcome::kAnswered || (tells && answer.option_log_probabilities.empty())) {
      ++result.fallbacks;
      likeliest.push_back(cases.cases[n].predicted_rating);
      expected.push_back(cases.cases[n].predicted_rating);
      continue;
    }
    likeliest.push_back(texts.rating_value(static_cast<std::size_t>(answer.order.front())));
    if (tells) expected.push_back(expected_rating(answer, texts));
  }
  if (tells) result.ratings["expected"] = std::move(expected);
  result.prompts = static_cast<std::int64_t>(answers.size());
  return result;
}

nlohmann::json to_json(const LanguageModelRating& rating) {
  return {{"ratings", rating.ratings},
          {"prompt_tokens", rating.prompt_tokens},
          {"answer_tokens", rating.answer_tokens},
          {"prompts", rating.prompts},
          {"fallbacks", rating.fallbacks}};
}

LanguageModelRating rating_from_json(const nlohmann::json& document) {
  try {
    LanguageModelRating rating;
    document.at("ratings").get_to(rating.ratings);
    document.at("prompt_tokens").get_to(rating.prompt_tokens);
    document.at("answer_tokens").get_to(rating.answer_tokens);
    document.at("prompts").get_to(rating.prompts);
    document.at("fallbacks").get_to(rating.fallbacks);
    return rating;
  } catch (const nlohmann::json::exception& error) {
    throw InternalError(std::string("stored ratings of the language model are damaged: ") + error.what());
  }
}

}  // namespace llama4rec::pipeline
