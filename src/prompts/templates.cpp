#include "prompts/templates.h"

#include <fmt/format.h>

namespace llama4rec::prompts {
namespace {

constexpr const char* kRatingMark = ": ";

void append_heading(const std::string& heading, std::vector<std::string>& segments) {
  if (!heading.empty()) segments.push_back(heading);
}

}  // namespace

Templates::Templates(const ItemTexts& texts, const std::string& style) : texts_(&texts), verbose_(style == "verbose") {
  const std::string& noun = texts.noun();
  if (verbose_) {
    ranking_instruction_ = fmt::format(
        "Below is a user's interaction history. Rank the candidate {}s by how likely the user is to like them next, "
        "best "
        "first. Answer with the titles of all candidates, separated by \"; \".\n",
        noun);
    rating_instruction_ = fmt::format(
        "Below is a user's rating history. Predict the user's rating of the target {} on the scale from {} to {}. "
        "Answer with "
        "the rating only.\n",
        noun, texts.ratings().front(), texts.ratings().back());
    similar_heading_ = "\nA user with similar taste liked: ";
    similar_ratings_heading_ = "\nRatings of a user with similar taste: ";
    hint_heading_ = "\nA recommender system ranks them: ";
    candidates_heading_ = fmt::format("\nCandidate {}s: ", noun);
    liked_heading_ = "\nThe user liked: ";
    ratings_heading_ = "\nThe user's ratings: ";
    predicted_heading_ = "\nA recommender system predicts the rating ";
    target_heading_ = fmt::format("\nTarget {}: ", noun);
    answer_heading_ = "\nAnswer: ";
  } else {
    similar_heading_ = "similar: ";
    similar_ratings_heading_ = "similar ratings: ";
    hint_heading_ = "hint: ";
    candidates_heading_ = "rank: ";
    liked_heading_ = "liked: ";
    ratings_heading_ = "ratings: ";
    predicted_heading_ = "predicted ";
    target_heading_ = "target: ";
  }
}

void Templates::append_titles(const std::vector<ItemIndex>& items, std::vector<std::string>& segments) const {
  for (const ItemIndex item : items) {
    segments.push_back(texts_->title(item));
    segments.emplace_back(kSeparator);
  }
}

void Templates::append_ratings(const std::vector<RatedItem>& items, std::vector<std::string>& segments) const {
  for (const RatedItem& rated : items) {
    segments.push_back(texts_->title(rated.item));
    segments.emplace_back(kRatingMark);
    segments.push_back(texts_->rating(rated.rating));
    segments.emplace_back(kSeparator);
  }
}

PromptText Templates::ranking(const RankingQuestion& question) const {
  PromptText prompt;
  auto& segments = prompt.segments;
  append_heading(ranking_instruction_, segments);
  const auto part = [&](const std::string& heading, const std::vector<ItemIndex>& items) {
    if (items.empty()) return;
    segments.push_back(heading);
    append_titles(items, segments);
  };
  part(similar_heading_, question.similar_history);
  if (verbose_) {
    part(liked_heading_, question.history);
    part(candidates_heading_, question.candidates);
    part(hint_heading_, question.hint);
    segments.push_back(answer_heading_);
  } else {
    part(hint_heading_, question.hint);
    part(candidates_heading_, question.candidates);
    segments.push_back(liked_heading_);
    append_titles(question.history, segments);
  }
  return prompt;
}

AnswerGrammar Templates::ranking_grammar(const std::vector<ItemIndex>& candidates) const {
  return {.kind = AnswerKind::kPermutation, .options = texts_->titles(candidates), .separator = kSeparator};
}

PromptText Templates::rating(const RatingQuestion& question) const {
  PromptText prompt;
  auto& segments = prompt.segments;
  append_heading(rating_instruction_, segments);
  if (!question.similar_history.empty()) {
    segments.push_back(similar_ratings_heading_);
    append_ratings(question.similar_history, segments);
  }
  segments.push_back(ratings_heading_);
  append_ratings(question.history, segments);
  if (question.predicted_rating) {
    segments.push_back(predicted_heading_);
    segments.push_back(fmt::format("{:.1f}", *question.predicted_rating));
    segments.emplace_back(kSeparator);
  }
  // The compact form ends as a rating history does, so that the answer continues it.
  if (verbose_ || question.predicted_rating) segments.push_back(target_heading_);
  segments.push_back(texts_->title(question.target));
  if (verbose_) {
    segments.push_back(answer_heading_);
  } else {
    segments.emplace_back(kRatingMark);
  }
  return prompt;
}

AnswerGrammar Templates::rating_grammar() const {
  return {.kind = AnswerKind::kChoice, .options = texts_->ratings(), .separator = ""};
}

std::vector<std::string> Templates::fixed_texts() const {
  std::vector<std::string> texts{kSeparator, kRatingMark};
  for (const auto* text : {&ranking_instruction_, &rating_instruction_, &similar_heading_, &similar_ratings_heading_,
                           &hint_heading_, &candidates_heading_, &liked_heading_, &ratings_heading_,
                           &predicted_heading_, &answer_heading_, &target_heading_}) {
    if (!text->empty()) texts.push_back(*text);
  }
  for (const auto& rating : texts_->ratings()) texts.push_back(rating);
  return texts;
}

}  // namespace llama4rec::prompts
