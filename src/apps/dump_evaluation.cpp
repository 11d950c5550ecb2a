#include "apps/dump_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "evaluation/metrics.h"
#include "evaluation/rankings_file.h"

namespace llama4rec::apps {
namespace {

using data::Part;

/// Original ids to indices; the views point into the data set.
class IdIndex {
 public:
  IdIndex(const std::vector<std::string>& ids, const char* what) : what_(what) {
    index_.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) index_.emplace(ids[i], static_cast<std::int32_t>(i));
  }

  /// DataError at the location for an id that is not in the data set.
  [[nodiscard]] std::int32_t find(const std::string& id, const FileLocation& where) const {
    const auto found = index_.find(id);
    if (found == index_.end()) {
      throw DataError(where, fmt::format("{} \"{}\" is not in the data set", what_, text::to_valid_utf8(id)));
    }
    return found->second;
  }

 private:
  const char* what_;
  std::unordered_map<std::string_view, std::int32_t> index_;
};

/// The targets of a part, how often training saw each item, and whom the options count.
class Targets {
 public:
  explicit Targets(const DumpReference& reference) : reference_(reference), frequency_(items(), 0) {
    for (UserIndex user = 0; user < reference.dataset.users(); ++user) {
      for (const auto interaction : reference.split.train(user)) ++frequency_[item_of(interaction)];
    }
    known_ = std::count_if(frequency_.begin(), frequency_.end(), [](std::int64_t count) { return count > 0; });
  }

  /// The user's target interaction, or -1 where the user does not count.
  [[nodiscard]] InteractionIndex of(UserIndex user) const {
    const auto& split = reference_.split;
    const auto target = reference_.part == Part::kTest ? split.test(user) : split.validation(user);
    if (target >= 0 && reference_.options.warm_only() && !seen(target)) return -1;
    return target;
  }
  [[nodiscard]] std::size_t item_of(InteractionIndex interaction) const {
    return static_cast<std::size_t>(interaction_at(interaction).item);
  }
  [[nodiscard]] const Interaction& interaction_at(InteractionIndex interaction) const {
    return reference_.dataset.interactions[static_cast<std::size_t>(interaction)];
  }
  /// Training saw the interaction's item.
  [[nodiscard]] bool seen(InteractionIndex interaction) const { return frequency(interaction) > 0; }
  [[nodiscard]] std::int64_t frequency(InteractionIndex interaction) const { return frequency_[item_of(interaction)]; }
  /// Number of items that training saw.
  [[nodiscard]] std::int64_t known() const { return known_; }
  [[nodiscard]] std::int64_t history_length(UserIndex user) const {
    return static_cast<std::int64_t>(reference_.split.train(user).size());
  }

  /// DataError for the first user who counts and was not found; the number of users that count otherwise.
  std::int64_t expect_all(const std::vector<bool>& found, const std::filesystem::path& file, const char* what) const {
    std::int64_t count = 0;
    for (UserIndex user = 0; user < reference_.dataset.users(); ++user) {
      const auto target = of(user);
      if (target < 0) continue;
      ++count;
      if (!found[static_cast<std::size_t>(user)]) {
        throw DataError({.file = file.string()},
                        fmt::format("no {} of user \"{}\", whose target item training {}; expected one of every user "
                                    "with a target{}",
                                    what, reference_.dataset.user_ids[static_cast<std::size_t>(user)],
                                    seen(target) ? "saw" : "never saw",
                                    seen(target) ? "" : " (--users warm leaves such users out)"));
      }
    }
    if (count == 0) throw DataError({.file = file.string()}, "the split has no user with a target to evaluate");
    return count;
  }

 private:
  [[nodiscard]] std::size_t items() const { return static_cast<std::size_t>(reference_.dataset.items()); }

  const DumpReference& reference_;
  std::vector<std::int64_t> frequency_;  // in the train part, by item
  std::int64_t known_ = 0;
};

/// Items that a list of the user must not hold, with the part that each belongs to.
std::unordered_map<ItemIndex, const char*> masked_items(const DumpReference& reference, const Targets& targets,
                                                        UserIndex user) {
  std::unordered_map<ItemIndex, const char*> masked;
  const bool textbook = reference.options.textbook();
  if (textbook || reference.split.task() == data::Task::kDirect) {
    for (const auto interaction : reference.split.train(user)) {
      masked.emplace(targets.interaction_at(interaction).item, "train");
    }
  }
  const auto validation = reference.split.validation(user);
  if (textbook && reference.part == Part::kTest && validation >= 0) {
    masked.emplace(targets.interaction_at(validation).item, "validation");
  }
  return masked;
}

/// Items that training saw and that are not masked: as many as a full ranking can hold.
std::int64_t rankable(const Targets& targets, const DumpReference& reference, UserIndex user,
                      const std::unordered_map<ItemIndex, const char*>& masked) {
  std::int64_t count = targets.known();
  std::unordered_set<ItemIndex> counted;
  const auto leave_out = [&](InteractionIndex interaction) {
    const ItemIndex item = targets.interaction_at(interaction).item;
    if (masked.contains(item) && targets.seen(interaction) && counted.insert(item).second) --count;
  };
  for (const auto interaction : reference.split.train(user)) leave_out(interaction);
  if (reference.split.validation(user) >= 0) leave_out(reference.split.validation(user));
  return count;
}

/// One user's list as item indices, checked against what the protocol allows.
std::vector<ItemIndex> checked_list(const DumpReference& reference, const Targets& targets, const IdIndex& item_index,
                                    const evaluation::UserRanking& ranking, UserIndex user, std::int64_t longest,
                                    const std::string& file) {
  const auto masked = masked_items(reference, targets, user);
  std::vector<ItemIndex> list;
  for (std::size_t rank = 0; rank < ranking.items.size(); ++rank) {
    const FileLocation where{.file = file, .line = ranking.line + rank};
    list.push_back(item_index.find(ranking.items[rank], where));
    const auto found = masked.find(list.back());
    if (found != masked.end()) {
      throw DataError(where,
                      fmt::format("item \"{}\" is in the {} part of user \"{}\", which the {} protocol never ranks",
                                  ranking.items[rank], found->second, ranking.user, reference.options.protocol));
    }
  }
  const auto length = static_cast<std::int64_t>(list.size());
  const auto possible = std::min(longest, rankable(targets, reference, user, masked));
  if (length < possible) {
    throw DataError({.file = file, .line = ranking.line},
                    fmt::format("user \"{}\" has {} ranked items, expected {} (the largest of evaluation.cutoffs)",
                                ranking.user, length, possible));
  }
  return list;
}

std::vector<evaluation::Segment> segments_of(const std::vector<std::int64_t>& histories,
                                             const std::vector<std::int64_t>& frequencies,
                                             const evaluation::PerUser& values, const evaluation::Summary& summary) {
  auto segments = evaluation::by_segment("users", histories, values, summary);
  for (auto& segment : evaluation::by_segment("items", frequencies, values, summary)) {
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace

DumpEvaluation evaluate_rankings(const DumpReference& reference, const std::filesystem::path& file) {
  const auto cutoffs = evaluation::integer_cutoffs(reference.options);
  const auto rankings = evaluation::read_rankings(file);
  const Targets targets(reference);
  const IdIndex user_index(reference.dataset.user_ids, "user");
  const IdIndex item_index(reference.dataset.item_ids, "item");

  DumpEvaluation result;
  std::vector<bool> found(reference.dataset.user_ids.size(), false);
  std::vector<std::vector<ItemIndex>> lists;
  std::vector<ItemIndex> wanted;
  std::vector<std::int64_t> histories;
  std::vector<std::int64_t> frequencies;
  for (const auto& ranking : rankings) {
    const UserIndex user = user_index.find(ranking.user, {.file = file.string(), .line = ranking.line});
    const auto target = targets.of(user);
    if (target < 0) {
      ++result.ignored;
      continue;
    }
    found[static_cast<std::size_t>(user)] = true;
    lists.push_back(checked_list(reference, targets, item_index, ranking, user, cutoffs.back(), file.string()));
    wanted.push_back(targets.seen(target) ? targets.interaction_at(target).item : -1);
    histories.push_back(targets.history_length(user));
    frequencies.push_back(targets.frequency(target));
  }
  result.users = targets.expect_all(found, file, "ranking");

  const auto values = evaluation::top_k_metrics(lists, wanted, cutoffs);
  for (const auto k : cutoffs) {
    for (const char* name : {"H", "N", "Recall", "MRR"}) result.metric_names.push_back(fmt::format("{}@{}", name, k));
  }
  result.metrics = evaluation::means(values);
  result.segments = segments_of(histories, frequencies, values, evaluation::means);
  return result;
}

DumpEvaluation evaluate_predictions(const DumpReference& reference, const std::filesystem::path& file) {
  const auto rows = evaluation::read_predictions(file);
  const Targets targets(reference);
  const IdIndex user_index(reference.dataset.user_ids, "user");
  const IdIndex item_index(reference.dataset.item_ids, "item");

  DumpEvaluation result;
  std::vector<bool> found(reference.dataset.user_ids.size(), false);
  std::vector<float> predictions;
  std::vector<float> ratings;
  std::vector<std::int64_t> histories;
  std::vector<std::int64_t> frequencies;
  for (const auto& row : rows) {
    const FileLocation where{.file = file.string(), .line = row.line};
    const UserIndex user = user_index.find(row.user, where);
    const ItemIndex item = item_index.find(row.item, where);
    const auto target = targets.of(user);
    if (target < 0) {
      ++result.ignored;
      continue;
    }
    const auto& truth = targets.interaction_at(target);
    if (truth.item != item) {
      throw DataError(where, fmt::format("item \"{}\" is not the target of user \"{}\", expected \"{}\"", row.item,
                                         row.user, reference.dataset.item_ids[static_cast<std::size_t>(truth.item)]));
    }
    if (std::abs(row.rating - static_cast<double>(truth.rating)) > 1e-4) {
      throw DataError(where, fmt::format("rating {} of user \"{}\" for item \"{}\", the data set has {}", row.rating,
                                         row.user, row.item, truth.rating));
    }
    if (std::abs(row.prediction) > std::numeric_limits<float>::max()) {
      throw DataError(where, fmt::format("prediction {} is out of range", row.prediction));
    }
    found[static_cast<std::size_t>(user)] = true;
    predictions.push_back(static_cast<float>(row.prediction));
    ratings.push_back(truth.rating);
    histories.push_back(targets.history_length(user));
    frequencies.push_back(targets.frequency(target));
  }
  result.users = targets.expect_all(found, file, "prediction");

  const auto errors = evaluation::rating_errors(predictions, ratings);
  result.metric_names = {"RMSE", "MAE"};
  result.metrics = evaluation::rating_metrics(errors);
  result.segments = segments_of(histories, frequencies, errors, evaluation::rating_metrics);
  return result;
}

}  // namespace llama4rec::apps
