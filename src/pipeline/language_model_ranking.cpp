#include "pipeline/language_model_ranking.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/progress.h"
#include "core/text.h"
#include "pipeline/candidate_chunks.h"
#include "pipeline/language_model_rating.h"

namespace llama4rec::pipeline {
namespace {

/// Positions by descending value; ties: the backbone's position.
CandidateOrder descending(const std::vector<double>& values) {
  CandidateOrder order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  return order;
}

void count(const std::vector<Completion>& answers, LanguageModelRanking& ranking) {
  for (const Completion& answer : answers) {
    ranking.prompt_tokens += answer.prompt_tokens;
    ranking.answer_tokens += answer.answer_tokens;
  }
  ranking.prompts += static_cast<std::int64_t>(answers.size());
}

std::vector<Completion> ask(LanguageModel& model, const std::vector<CompletionRequest>& requests,
                            const std::string& label) {
  Progress progress(label, static_cast<std::int64_t>(requests.size()), "prompts");
  auto answers = model.complete(requests, [&](std::int64_t answered) { progress.set(answered); });
  progress.finish();
  return answers;
}

/// Listwise orders and those by the first place, from the same answers.
void rank_by_list(const PhaseCases& cases, LanguageModel& model, prompts::CaseWriter& writer, bool augmented,
                  const prompts::PromptOptions& options, const std::string& label, LanguageModelRanking& ranking) {
  const bool tells_first = options.asks("first") && model.option_probabilities() == OptionProbabilities::kAll;
  const bool generates = options.asks("listwise");
  if (!tells_first && !generates) return;
  std::vector<CompletionRequest> requests;
  std::vector<std::vector<CandidateOrder>> chunks;  // by user
  for (const auto& question : cases.ranking) {
    chunks.push_back(deal_chunks(static_cast<std::int64_t>(question.ranked.size()), options.chunk));
    for (const CandidateOrder& positions : chunks.back()) {
      if (positions.size() < 2) continue;
      const prompts::RankingCase piece = chunk_of(question, positions);
      requests.push_back({.prompt = writer.templates().ranking(writer.ranking(piece, augmented)),
                          .grammar = writer.templates().ranking_grammar(piece.ranked)});
      if (!generates) requests.back().grammar.generate_first = 1;
    }
  }
  const auto answers = ask(model, requests, label + (generates ? ", listwise" : ", first place"));
  std::vector<CandidateOrder> listwise;
  std::vector<CandidateOrder> first;
  auto answer = answers.begin();
  for (std::size_t user = 0; user < chunks.size(); ++user) {
    const auto& pieces = chunks[user];
    std::vector<CandidateOrder> generated;
    std::vector<CandidateOrder> by_probability;
    std::vector<double> log_probabilities(cases.ranking[user].ranked.size(), 0);
    bool answered = true;
    std::size_t asked = 0;  // candidates whose log-probability is known
    for (const CandidateOrder& positions : pieces) {
      CandidateOrder given(positions.size());
      std::iota(given.begin(), given.end(), 0);
      generated.push_back(given);
      by_probability.push_back(given);
      if (positions.size() < 2) continue;
      if (answer->outcome == AnswerOutcome::kAnswered) {
        generated.back() = answer->order;
        if (tells_first) {
          by_probability.back() = descending(answer->option_log_probabilities);
          const auto& told =
              pieces.size() == 1 ? answer->option_log_probabilities : answer->option_sequence_log_probabilities;
          for (std::size_t n = 0; n < told.size(); ++n) {
            log_probabilities[static_cast<std::size_t>(positions[n])] = told[n];
          }
          asked += told.size();
        }
      } else {  // the given order stays
        answered = false;
      }
      ++answer;
    }
    if (!answered) ++ranking.fallbacks;
    listwise.push_back(merge_by_place(pieces, generated));
    if (!answered || asked < log_probabilities.size()) log_probabilities.clear();
    const bool pooled = options.merge == "probability" && pieces.size() > 1 && !log_probabilities.empty();
    first.push_back(pooled ? descending(log_probabilities) : merge_by_place(pieces, by_probability));
    if (tells_first) ranking.log_probabilities.push_back(std::move(log_probabilities));
  }
  if (generates) ranking.orders["listwise"] = std::move(listwise);
  if (tells_first) ranking.orders["first"] = std::move(first);
  count(answers, ranking);
}

/// Orders by the expected rating of each candidate.
void rank_by_ratings(const PhaseCases& cases, LanguageModel& model, prompts::CaseWriter& writer,
                     const prompts::ItemTexts& texts, bool augmented, const prompts::PromptOptions& options,
                     const std::string& label, LanguageModelRanking& ranking) {
  if (!options.asks("pointwise") || cases.rating.empty()) return;
  if (model.option_probabilities() == OptionProbabilities::kNone) return;
  std::vector<CompletionRequest> requests;
  for (const auto& user_cases : cases.rating) {
    for (const auto& question : user_cases) {
      requests.push_back({.prompt = writer.templates().rating(writer.rating(question, augmented)),
                          .grammar = writer.templates().rating_grammar()});
    }
  }
  const auto ratings = ask(model, requests, label + ", pointwise");
  auto& pointwise = ranking.orders["pointwise"];
  std::size_t next = 0;
  for (const auto& user_cases : cases.rating) {
    auto& expected = ranking.expected_ratings.emplace_back();
    bool complete = true;
    for (std::size_t candidate = 0; candidate < user_cases.size(); ++candidate) {
      const Completion& rating = ratings[next++];
      complete = complete && !rating.option_log_probabilities.empty();
      if (complete) expected.push_back(expected_rating(rating, texts));
    }
    if (!complete) {  // a part of the ratings would order a part of the candidates
      ++ranking.fallbacks;
      expected.clear();
      CandidateOrder given(user_cases.size());
      std::iota(given.begin(), given.end(), 0);
      pointwise.push_back(std::move(given));
      continue;
    }
    pointwise.push_back(descending(expected));
  }
  count(ratings, ranking);
}

}  // namespace

LanguageModelRanking rank_with_language_model(const PhaseCases& cases, LanguageModel& model,
                                              prompts::CaseWriter& writer, const prompts::ItemTexts& texts,
                                              bool augmented, const prompts::PromptOptions& options,
                                              const std::string& label) {
  LanguageModelRanking ranking;
  rank_by_list(cases, model, writer, augmented, options, label, ranking);
  rank_by_ratings(cases, model, writer, texts, augmented, options, label, ranking);
  if (ranking.orders.empty()) {
    throw UsageError(fmt::format(
        "prompts.methods: this language model can answer none of {} (first needs the probabilities of the candidates, "
        "pointwise those of the ratings and a rating predictor in instructions.rating_backbone); add listwise",
        text::join(options.methods, ", ")));
  }
  return ranking;
}

nlohmann::json to_json(const LanguageModelRanking& ranking) {
  return {{"orders", ranking.orders},
          {"log_probabilities", ranking.log_probabilities},
          {"expected_ratings", ranking.expected_ratings},
          {"prompt_tokens", ranking.prompt_tokens},
          {"answer_tokens", ranking.answer_tokens},
          {"prompts", ranking.prompts},
          {"fallbacks", ranking.fallbacks}};
}

LanguageModelRanking ranking_from_json(const nlohmann::json& document) {
  try {
    LanguageModelRanking ranking;
    document.at("orders").get_to(ranking.orders);
    ranking.log_probabilities =  // stages of older versions have none
        document.value("log_probabilities", std::vector<std::vector<double>>{});
    document.at("expected_ratings").get_to(ranking.expected_ratings);
    document.at("prompt_tokens").get_to(ranking.prompt_tokens);
    document.at("answer_tokens").get_to(ranking.answer_tokens);
    document.at("prompts").get_to(ranking.prompts);
    ranking.fallbacks = document.value("fallbacks", std::int64_t{0});  // stages of older versions have none
    return ranking;
  } catch (const nlohmann::json::exception& error) {
    throw InternalError(std::string("stored ranking of the language model is damaged: ") + error.what());
  }
}

}  // namespace llama4rec::pipeline
