#include "prompts/templates.h"

#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::prompts {
namespace {

constexpr const char* kRatingMark = ": ";

}  // namespace

Templates::Templates(const ItemTexts& texts, const TemplateSources& sources)
    : texts_(&texts),
      ranking_(parse_template(sources.ranking, TemplateKind::kRanking, {{"noun", texts.noun()}})),
      rating_(parse_template(
          sources.rating, TemplateKind::kRating,
          {{"noun", texts.noun()}, {"lowest", texts.ratings().front()}, {"highest", texts.ratings().back()}})),
      liked_heading_(heading_of(ranking_, Part::kHistory)),
      ratings_heading_(heading_of(rating_, Part::kRatings)),
      fingerprint_(sources.fingerprint()) {}

Templates::Templates(const ItemTexts& texts, const std::string& style) : Templates(texts, built_in_templates(style)) {}

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

template <class Shows, class Append>
PromptText Templates::fill(const TemplatePieces& pieces, const Shows& shows, const Append& append) {
  PromptText prompt;
  for (const TemplatePiece& piece : pieces) {
    if (piece.shown_with && !shows(*piece.shown_with)) continue;
    if (piece.part == Part::kText) {
      prompt.segments.push_back(piece.text);
    } else {
      append(piece.part, prompt.segments);
    }
  }
  return prompt;
}

PromptText Templates::ranking(const RankingQuestion& question) const {
  const auto items = [&](Part part) -> const std::vector<ItemIndex>& {
    switch (part) {
      case Part::kHistory:
        return question.history;
      case Part::kSimilarHistory:
        return question.similar_history;
      case Part::kCandidates:
        return question.candidates;
      case Part::kHint:
        return question.hint;
      default:
        throw InternalError("a part of rating prompts in a ranking prompt");
    }
  };
  return fill(
      ranking_, [&](Part part) { return !items(part).empty(); },
      [&](Part part, std::vector<std::string>& segments) { append_titles(items(part), segments); });
}

AnswerGrammar Templates::ranking_grammar(const std::vector<ItemIndex>& candidates) const {
  return {.kind = AnswerKind::kPermutation, .options = texts_->titles(candidates), .separator = kSeparator};
}

PromptText Templates::rating(const RatingQuestion& question) const {
  const auto shows = [&](Part part) {
    switch (part) {
      case Part::kRatings:
        return !question.history.empty();
      case Part::kSimilarRatings:
        return !question.similar_history.empty();
      case Part::kPredicted:
        return question.predicted_rating.has_value();
      default:
        throw InternalError("a section of rating prompts with another part");
    }
  };
  const auto append = [&](Part part, std::vector<std::string>& segments) {
    if (part == Part::kTarget) {
      segments.push_back(texts_->title(question.target));
    } else if (part == Part::kPredicted) {
      segments.push_back(fmt::format("{:.1f}", question.predicted_rating.value()));
      segments.emplace_back(kSeparator);
    } else {
      append_ratings(part == Part::kRatings ? question.history : question.similar_history, segments);
    }
  };
  return fill(rating_, shows, append);
}

AnswerGrammar Templates::rating_grammar() const {
  return {.kind = AnswerKind::kChoice, .options = texts_->ratings(), .separator = ""};
}

std::vector<std::string> Templates::fixed_texts() const {
  std::set<std::string> distinct{kSeparator, kRatingMark, liked_heading_, ratings_heading_};
  for (const auto* pieces : {&ranking_, &rating_}) {
    for (const TemplatePiece& piece : *pieces) {
      if (piece.part == Part::kText) distinct.insert(piece.text);
    }
  }
  std::vector<std::string> texts(distinct.begin(), distinct.end());
  for (const auto& rating : texts_->ratings()) texts.push_back(rating);
  return texts;
}

}  // namespace llama4rec::prompts
