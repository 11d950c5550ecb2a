#include "prompts/cases.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::prompts {
namespace {

template <class Item>
std::vector<Item> latest(const std::vector<Item>& items, std::int64_t count) {
  const auto keep = std::min(items.size(), static_cast<std::size_t>(count));
  return {items.end() - static_cast<std::ptrdiff_t>(keep), items.end()};
}

}  // namespace

CaseWriter::CaseWriter(const ItemTexts& texts, const Templates& templates, const PromptOptions& options,
                       std::uint64_t seed, std::function<std::int64_t(const std::string&)> count_tokens,
                       std::int64_t budget)
    : texts_(&texts),
      templates_(&templates),
      options_(options),
      seed_(seed),
      count_tokens_(std::move(count_tokens)),
      budget_(budget) {}

template <class Item, class Word>
void CaseWriter::fit(std::vector<Item>& history, std::vector<Item>& similar, std::int64_t answer_tokens,
                     const Word& word) {
  ++trimming_.prompts;
  const auto tokens = [&] {
    std::int64_t total = 2 + answer_tokens;  // the begin and the end token
    for (const std::string& segment : word().segments) total += count_tokens_(segment);
    return total;
  };
  bool trimmed = false;
  for (std::int64_t now = tokens(); now > budget_; now = tokens()) {
    std::vector<Item>& shorter = similar.empty() ? history : similar;
    if (shorter.empty()) {
      throw UsageError(fmt::format(
          "a prompt and its answer need {} tokens without any history, but the model's context has {}; lower "
          "prompts.candidates, or raise llm.context where the model is made here",
          now, budget_));
    }
    // An eighth at a time: few counts, hardly more lost than needed.
    const std::size_t dropped = std::max<std::size_t>(1, shorter.size() / 8);
    shorter.erase(shorter.begin(), shorter.begin() + static_cast<std::ptrdiff_t>(dropped));
    trimming_.trimmed_items += static_cast<std::int64_t>(dropped);
    trimmed = true;
  }
  if (trimmed) ++trimming_.trimmed_prompts;
}

RankingQuestion CaseWriter::ranking(const RankingCase& source, bool augmented) {
  RankingQuestion question{
      .history = latest(source.history, options_.history_length), .candidates = {}, .similar_history = {}, .hint = {}};
  if (options_.show_candidates) {
    // Shuffled, so that the place tells nothing; the recommender's order is in the hint.
    question.candidates = source.ranked;
    RandomStream random(seed_, "prompts.order",
                        {static_cast<std::uint64_t>(source.user), static_cast<std::uint64_t>(source.target + 1)});
    random.shuffle(std::span(question.candidates));
  }
  if (augmented && options_.similar_user) {
    question.similar_history = latest(source.similar_history, options_.similar_history_length);
  }
  if (augmented && options_.hint && source.hinted) question.hint = source.ranked;
  std::int64_t answer_tokens = 0;
  for (const ItemIndex item : source.ranked) {
    answer_tokens += count_tokens_(texts_->title(item)) + count_tokens_(kSeparator);
  }
  fit(question.history, question.similar_history, answer_tokens, [&] { return templates_->ranking(question); });
  return question;
}

RatingQuestion CaseWriter::rating(const RatingCase& source, bool augmented) {
  RatingQuestion question{.history = latest(source.history, options_.history_length),
                          .target = source.item,
                          .similar_history = {},
                          .predicted_rating = std::nullopt};
  if (augmented && options_.similar_user) {
    question.similar_history = latest(source.similar_history, options_.similar_history_length);
  }
  if (augmented && options_.hint) question.predicted_rating = source.predicted_rating;
  std::int64_t answer_tokens = 0;
  for (const std::string& rating : texts_->ratings()) answer_tokens = std::max(answer_tokens, count_tokens_(rating));
  fit(question.history, question.similar_history, answer_tokens, [&] { return templates_->rating(question); });
  return question;
}

}  // namespace llama4rec::prompts
