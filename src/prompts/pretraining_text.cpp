#include "prompts/pretraining_text.h"

#include <algorithm>

#include "core/random.h"
#include "core/text.h"

namespace llama4rec::prompts {
namespace {

/// A text whose heading is only read and whose rest is learned.
llm::TrainingText learned_after_heading(std::vector<std::string> segments) {
  llm::TrainingText text;
  text.learn.assign(segments.size(), true);
  text.learn.front() = false;
  text.segments = std::move(segments);
  text.end = false;
  return text;
}

/// Borders of pieces of at most `length` items: the first piece is shorter by a random amount, so that borders differ each epoch.
std::vector<std::size_t> borders(std::size_t items, std::size_t length, RandomStream& random) {
  std::vector<std::size_t> result{0};
  if (items > length) {
    for (std::size_t next = 1 + random.below(length); next < items; next += length) result.push_back(next);
  }
  result.push_back(items);
  return result;
}

}  // namespace

void PretrainingTextOptions::declare(config::OptionVisitor& visit) {
  visit.option("pretraining.crop_items", crop_items, config::between(2, 10000),
               "Most items of one pre-training text; longer histories are cut at random whole items.");
  visit.option("pretraining.drop_items", drop_items, config::between(0, 0.9),
               "Share of a history's items that are left out, drawn anew each epoch.");
  visit.option(
      "pretraining.shuffle_ties", shuffle_ties, config::between(0, 1),
      "Share of the histories, drawn anew each epoch, whose items of equal timestamps are shuffled; the others "
      "keep the file's order.");
  visit.option("pretraining.rating_share", rating_share, config::between(0, 1),
               "Share of the users whose rating history is read in an epoch, beside what they liked.");
  visit.option("pretraining.item_facts", item_facts, config::anything(),
               "Also read one line per item with its attributes (genres, year, ...).");
}

PretrainingText::PretrainingText(const Dataset& dataset, InteractionSet allowed, float positive_threshold,
                                 const ItemTexts& texts, const Templates& templates,
                                 const PretrainingTextOptions& options, std::uint64_t seed)
    : dataset_(&dataset),
      positive_threshold_(positive_threshold),
      texts_(&texts),
      templates_(&templates),
      options_(options),
      seed_(seed),
      provenance_{.what = "pre-training text", .interactions = std::move(allowed)} {}

std::vector<RatedItem> PretrainingText::history_of_epoch(UserIndex user, bool liked_only, std::uint64_t epoch) const {
  RandomStream random(seed_, liked_only ? "pretraining.liked" : "pretraining.ratings",
                      {epoch, static_cast<std::uint64_t>(user)});
  std::vector<RatedItem> history;
  std::vector<std::int64_t> times;
  for (InteractionIndex i = dataset_->user_offsets[static_cast<std::size_t>(user)];
       i < dataset_->user_offsets[static_cast<std::size_t>(user) + 1]; ++i) {
    if (!provenance_.interactions.contains(i)) continue;
    const Interaction& it = dataset_->interactions[static_cast<std::size_t>(i)];
    if (liked_only && it.rating < positive_threshold_) continue;
    if (options_.drop_items > 0 && random.uniform() < options_.drop_items) continue;
    history.push_back({.item = it.item, .rating = it.rating});
    times.push_back(it.timestamp);
  }
  // Equal timestamps: as in the file, which is the order that targets stand in, or none.
  const bool shuffled = options_.shuffle_ties >= 1 || random.uniform() < options_.shuffle_ties;
  if (dataset_->has_timestamps && shuffled) {
    for (std::size_t begin = 0; begin < history.size();) {
      std::size_t end = begin + 1;
      while (end < history.size() && times[end] == times[begin]) ++end;
      random.shuffle(std::span(history).subspan(begin, end - begin));
      begin = end;
    }
  }
  return history;
}

std::vector<std::string> PretrainingText::facts(ItemIndex item) const {
  std::vector<std::string> segments{texts_->noun() + ": ", texts_->title(item)};
  const AttributeTable& table = dataset_->item_attributes;
  for (std::size_t column = 0; column < table.names.size(); ++column) {
    const std::string& value = table.values[column][static_cast<std::size_t>(item)];
    if (value.empty()) continue;
    segments.emplace_back(kSeparator);
    segments.push_back(table.names[column] + " ");
    bool first = true;
    for (const auto part : text::split(value, "|")) {
      if (!first) segments.emplace_back(", ");
      segments.push_back(text::to_valid_utf8(part));
      first = false;
    }
  }
  return segments;
}

std::vector<llm::TrainingText> PretrainingText::epoch(std::int64_t epoch) const {
  const auto stream_epoch = static_cast<std::uint64_t>(epoch);
  const auto length = static_cast<std::size_t>(options_.crop_items);
  std::vector<llm::TrainingText> result;
  RandomStream random(seed_, "pretraining.epoch", {stream_epoch});
  for (UserIndex user = 0; user < dataset_->users(); ++user) {
    const std::vector<RatedItem> liked = history_of_epoch(user, true, stream_epoch);
    const auto cuts = borders(liked.size(), length, random);
    for (std::size_t piece = 0; piece + 1 < cuts.size(); ++piece) {
      if (cuts[piece + 1] - cuts[piece] < 2) continue;
      std::vector<ItemIndex> items;
      for (std::size_t i = cuts[piece]; i < cuts[piece + 1]; ++i) items.push_back(liked[i].item);
      std::vector<std::string> segments{templates_->liked_heading()};
      templates_->append_titles(items, segments);
      result.push_back(learned_after_heading(std::move(segments)));
    }
    if (random.uniform() >= options_.rating_share) continue;
    const std::vector<RatedItem> rated = history_of_epoch(user, false, stream_epoch);
    const auto rating_cuts = borders(rated.size(), std::max<std::size_t>(2, length / 2), random);
    for (std::size_t piece = 0; piece + 1 < rating_cuts.size(); ++piece) {
      if (rating_cuts[piece + 1] - rating_cuts[piece] < 2) continue;
      std::vector<std::string> segments{templates_->ratings_heading()};
      templates_->append_ratings({rated.begin() + static_cast<std::ptrdiff_t>(rating_cuts[piece]),
                                  rated.begin() + static_cast<std::ptrdiff_t>(rating_cuts[piece + 1])},
                                 segments);
      result.push_back(learned_after_heading(std::move(segments)));
    }
  }
  if (options_.item_facts) {
    for (ItemIndex item = 0; item < dataset_->items(); ++item) result.push_back(learned_after_heading(facts(item)));
  }
  return result;
}

std::vector<std::pair<std::string, std::int64_t>> PretrainingText::tokenizer_texts() const {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset_->items()), 1);
  for (const InteractionIndex i : provenance_.interactions.members()) {
    ++counts[static_cast<std::size_t>(dataset_->interactions[static_cast<std::size_t>(i)].item)];
  }
  std::vector<std::pair<std::string, std::int64_t>> result;
  std::int64_t total = 0;
  for (ItemIndex item = 0; item < dataset_->items(); ++item) {
    result.emplace_back(texts_->title(item), counts[static_cast<std::size_t>(item)]);
    total += counts[static_cast<std::size_t>(item)];
  }
  // Frequent enough to become pieces of their own.
  const std::int64_t fixed_weight = std::max<std::int64_t>(1, total / 20);
  for (const std::string& fixed : templates_->fixed_texts()) result.emplace_back(fixed, fixed_weight);
  if (options_.item_facts) {
    for (ItemIndex item = 0; item < dataset_->items(); ++item) {
      const auto segments = facts(item);
      for (std::size_t i = 0; i < segments.size(); ++i) {
        if (i != 1) result.emplace_back(segments[i], 4);
      }
    }
  }
  return result;
}

}  // namespace llama4rec::prompts
