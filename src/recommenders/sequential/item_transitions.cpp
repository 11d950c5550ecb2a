#include "recommenders/sequential/item_transitions.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::recommenders {

void ItemTransitionOptions::declare(config::OptionVisitor& visit) {
  visit.option("item_transitions.window", window, config::between(1, 1000),
               "Places behind an item that count as following it, with weight 1 / distance.");
  visit.option("item_transitions.history", history, config::between(1, 10000),
               "A user's last items that a score is made from.");
  visit.option("item_transitions.decay", decay, config::between(0, 1),
               "Factor on an item's share for each later item of the history.");
  visit.option("item_transitions.smoothing", smoothing, config::between(1e-6, 1e9),
               "Transitions by popularity that are added to those seen after each item.");
}

FitSummary ItemTransitions::fit(const TopKTrainingData& data, const FitHooks& hooks) {
  begin_fit(data);
  std::vector<std::unordered_map<ItemIndex, float>> followers(static_cast<std::size_t>(data.items));
  for (const auto& history : data.histories) {
    const auto length = static_cast<std::int64_t>(history.size());
    for (std::int64_t n = 0; n < length; ++n) {
      auto& row = followers[static_cast<std::size_t>(history[static_cast<std::size_t>(n)])];
      for (std::int64_t d = 1; d <= options_.window && n + d < length; ++d) {
        row[history[static_cast<std::size_t>(n + d)]] += 1.0F / static_cast<float>(d);
      }
    }
  }
  offsets_.assign(1, 0);
  columns_.clear();
  counts_.clear();
  for (const auto& row : followers) {
    std::vector<std::pair<ItemIndex, float>> entries(row.begin(), row.end());
    std::sort(entries.begin(), entries.end());
    for (const auto& [item, count] : entries) {
      columns_.push_back(item);
      counts_.push_back(count);
    }
    offsets_.push_back(static_cast<std::int64_t>(columns_.size()));
  }
  const EpochReport report{.epoch = 1,
                           .loss = 0,
                           .seconds = 0,
                           .validation = hooks.validation_score ? hooks.validation_score() : std::nan("")};
  if (hooks.on_epoch) hooks.on_epoch(report);
  return {.epochs = 1, .best_epoch = 1, .train_seconds = 0};
}

void ItemTransitions::score_row(std::span<const ItemIndex> history, std::span<float> row) const {
  const auto smoothing = static_cast<float>(options_.smoothing);
  float popularity_share = 0;
  float weight = 1;
  std::int64_t used = 0;
  std::fill(row.begin(), row.end(), 0.0F);
  for (auto place = history.rbegin(); place != history.rend() && used < options_.history; ++place) {
    const auto item = static_cast<std::size_t>(*place);
    if (*place < 0 || item >= row.size() || !statistics().known_items[item]) continue;
    const auto begin = static_cast<std::size_t>(offsets_[item]);
    const auto end = static_cast<std::size_t>(offsets_[item + 1]);
    float total = smoothing;
    for (std::size_t n = begin; n < end; ++n) total += counts_[n];
    for (std::size_t n = begin; n < end; ++n) row[static_cast<std::size_t>(columns_[n])] += weight * counts_[n] / total;
    popularity_share += weight * smoothing / total;
    weight *= static_cast<float>(options_.decay);
    ++used;
  }
  if (used == 0) {
    popularity_row(row);
    return;
  }
  const float share = popularity_share / static_cast<float>(statistics().interactions);
  for (std::size_t item = 0; item < row.size(); ++item) {
    row[item] += share * static_cast<float>(statistics().item_counts[item]);
  }
}

torch::Tensor ItemTransitions::score(std::span<const UserIndex> users,
                                     std::span<const std::vector<ItemIndex>> histories) const {
  check_scoring(users);
  if (users.size() != histories.size()) {
    throw InternalError(fmt::format("{}: {} users and {} histories", name(), users.size(), histories.size()));
  }
  torch::Tensor scores = torch::empty({static_cast<std::int64_t>(users.size()), items()}, torch::kFloat32);
  for (std::size_t n = 0; n < users.size(); ++n) {
    score_row(histories[n],
              {scores.data_ptr<float>() + static_cast<std::int64_t>(n) * items(), static_cast<std::size_t>(items())});
  }
  return scores;
}

torch::Tensor ItemTransitions::user_embeddings(std::span<const UserIndex> /*users*/,
                                               std::span<const std::vector<ItemIndex>> /*histories*/) const {
  return {};
}

void ItemTransitions::save(const std::filesystem::path& file) const {
  ModelFile content = file_content();
  content.tensors["offsets"] = tensor_of(offsets_);
  content.tensors["columns"] = tensor_of(columns_);
  content.tensors["counts"] = tensor_of(counts_, {static_cast<std::int64_t>(counts_.size())});
  content.settings["history"] = std::to_string(options_.history);
  content.settings["decay"] = exact_text(options_.decay);
  content.settings["smoothing"] = exact_text(options_.smoothing);
  write_model(file, content);
}

void ItemTransitions::load(const std::filesystem::path& file) {
  const ModelFile content = read_model(file, name());
  const TrainingStatistics statistics = get_statistics(content, file);
  const auto items = static_cast<std::int64_t>(statistics.item_counts.size());
  const torch::Tensor columns = required_tensor(content, file, "columns", torch::kInt64, {-1});
  const torch::Tensor counts = required_tensor(content, file, "counts", torch::kFloat32, {columns.size(0)});
  const torch::Tensor offsets = required_tensor(content, file, "offsets", torch::kInt64, {items + 1});
  const std::vector<std::int64_t> starts(offsets.data_ptr<std::int64_t>(),
                                         offsets.data_ptr<std::int64_t>() + items + 1);
  const std::vector<std::int64_t> followers(columns.data_ptr<std::int64_t>(),
                                            columns.data_ptr<std::int64_t>() + columns.numel());
  const bool ordered =
      std::is_sorted(starts.begin(), starts.end()) && starts.front() == 0 && starts.back() == columns.numel();
  const bool inside =
      std::all_of(followers.begin(), followers.end(), [&](std::int64_t item) { return item >= 0 && item < items; });
  if (!ordered || !inside || !(counts.isfinite().logical_and(counts >= 0)).all().item<bool>()) {
    throw DataError(fmt::format("{}: the table of transitions is damaged", file.string()));
  }
  ItemTransitionOptions options = options_;
  options.history = static_cast<std::int64_t>(required_number(content, file, "history"));
  options.decay = required_number(content, file, "decay");
  options.smoothing = required_number(content, file, "smoothing");
  if (!(options.history >= 1 && options.decay >= 0 && options.decay <= 1 && options.smoothing > 0)) {
    throw DataError(fmt::format("{}: a setting is out of its range", file.string()));
  }
  begin_load(content, file);
  options_ = options;
  offsets_ = starts;
  columns_ = followers;
  counts_.assign(counts.data_ptr<float>(), counts.data_ptr<float>() + counts.numel());
}

}  // namespace llama4rec::recommenders
