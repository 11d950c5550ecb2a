#include "data/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/text.h"

namespace llama4rec::data {
namespace {

const Interaction& at(const Dataset& dataset, InteractionIndex index) {
  return dataset.interactions[static_cast<std::size_t>(index)];
}

TaskStatistics describe(const Dataset& dataset, const Split& split, std::string name) {
  TaskStatistics task;
  task.task = std::move(name);
  task.train = split.members(Part::kTrain).count();
  task.validation = split.members(Part::kValidation).count();
  task.test = split.members(Part::kTest).count();
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    if (split.test(user) < 0) ++task.train_only_users;
  }
  std::vector<bool> seen(dataset.item_ids.size(), false);
  for (const auto& history : split.train_histories()) {
    for (const ItemIndex item : history) seen[static_cast<std::size_t>(item)] = true;
  }
  for (const UserIndex user : split.test_users()) {
    const auto& test = at(dataset, split.test(user));
    if (!seen[static_cast<std::size_t>(test.item)]) ++task.unseen_test_items;
    if (!dataset.has_timestamps || split.validation(user) < 0) continue;
    if (at(dataset, split.validation(user)).timestamp == test.timestamp) ++task.tied_users;
  }
  return task;
}

/// Rows of cells as an aligned Markdown table; the first row is the header, numbers in the columns behind the first.
std::string aligned(const std::vector<std::vector<std::string>>& rows, bool numbers_right) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const bool right = numbers_right && i > 0;
      text += right ? fmt::format("| {:>{}} ", rows[r][i], widths[i]) : fmt::format("| {:<{}} ", rows[r][i], widths[i]);
    }
    text += "|\n";
    if (r > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += "|" + std::string(widths[i] + 1, '-') + (numbers_right && i > 0 ? ":" : "-");
    }
    text += "|\n";
  }
  return text;
}

std::string truncated_density(double density) {
  constexpr double kDigits = 1e6;
  return fmt::format("{:.6f}", std::floor(density * kDigits) / kDigits);
}

std::string list(const std::vector<std::string>& names) { return names.empty() ? "none" : text::join(names, ", "); }

}  // namespace

DatasetStatistics describe(const LoadedData& data) {
  const auto& dataset = data.dataset;
  DatasetStatistics statistics;
  statistics.name = dataset.name;
  statistics.synthetic = dataset.synthetic;
  statistics.users = dataset.users();
  statistics.items = dataset.items();
  statistics.ratings = dataset.size();
  statistics.density = static_cast<double>(dataset.size()) /
                       (static_cast<double>(dataset.users()) * static_cast<double>(dataset.items()));
  statistics.user_features = dataset.user_attributes.names;
  statistics.item_features = dataset.item_attributes.names;
  statistics.positive_threshold = data.positive_threshold;
  statistics.positives =
      std::count_if(dataset.interactions.begin(), dataset.interactions.end(),
                    [&](const Interaction& interaction) { return interaction.rating >= data.positive_threshold; });
  statistics.tasks = {describe(dataset, data.split(Task::kDirect), "direct, sequential"),
                      describe(dataset, data.split(Task::kRating), "rating")};
  statistics.has_timestamps = dataset.has_timestamps;
  for (UserIndex user = 0; user < dataset.users() && dataset.has_timestamps; ++user) {
    const auto interactions = dataset.of_user(user);
    if (interactions.size() < 2) continue;
    if (interactions.back().timestamp == interactions[interactions.size() - 2].timestamp)
      ++statistics.equal_last_timestamps;
  }
  std::unordered_set<std::string_view> titles;
  for (const auto& title : dataset.item_titles) {
    if (title.empty()) {
      ++statistics.empty_titles;
    } else if (!titles.insert(title).second) {
      ++statistics.repeated_titles;
    }
  }
  if (!titles.empty()) statistics.item_features.insert(statistics.item_features.begin(), "title");
  statistics.notices = dataset.notices;
  statistics.source_hash = dataset.source_hash;
  return statistics;
}

std::string to_table(const DatasetStatistics& statistics) {
  const auto count = [](std::int64_t value) { return text::with_thousands(value); };
  std::string text =
      aligned({{"", statistics.name + (statistics.synthetic ? " (synthetic)" : "")},
               {"# of users", count(statistics.users)},
               {"# of items", count(statistics.items)},
               {"# of ratings", count(statistics.ratings)},
               {"density", truncated_density(statistics.density)},
               {"user features", list(statistics.user_features)},
               {"item features", list(statistics.item_features)},
               {fmt::format("positives (rating >= {:g})", statistics.positive_threshold), count(statistics.positives)},
               {"users whose last two timestamps are equal",
                statistics.has_timestamps ? count(statistics.equal_last_timestamps) : "no timestamps"},
               {"items whose title occurs before", count(statistics.repeated_titles)},
               {"items without a title", count(statistics.empty_titles)}},
              false);
  std::vector<std::vector<std::string>> tasks = {{"task", "train", "validation", "test", "users in train only",
                                                  "test items not in train", "test and validation at one time"}};
  for (const auto& task : statistics.tasks) {
    tasks.push_back({task.task, count(task.train), count(task.validation), count(task.test),
                     count(task.train_only_users), count(task.unseen_test_items), count(task.tied_users)});
  }
  text += "\n" + aligned(tasks, true);
  if (!statistics.notices.empty()) {
    std::vector<std::vector<std::string>> notices = {{"how the source was treated", "count"}};
    for (const auto& notice : statistics.notices) notices.push_back({notice.what, count(notice.count)});
    text += "\n" + aligned(notices, true);
  }
  return text;
}

std::string to_comparison(const std::vector<DatasetStatistics>& statistics) {
  std::vector<std::vector<std::string>> rows = {{""},        {"# of users"},    {"# of items"},   {"# of ratings"},
                                                {"density"}, {"user features"}, {"item features"}};
  for (const auto& it : statistics) {
    const auto count = [](std::int64_t value) { return text::with_thousands(value); };
    const std::vector<std::string> column = {it.name + (it.synthetic ? " (synthetic)" : ""),
                                             count(it.users),
                                             count(it.items),
                                             count(it.ratings),
                                             truncated_density(it.density),
                                             list(it.user_features),
                                             list(it.item_features)};
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row].push_back(column[row]);
  }
  return aligned(rows, false);
}

nlohmann::ordered_json to_json(const DatasetStatistics& statistics) {
  nlohmann::ordered_json json = {{"dataset", statistics.name},
                                 {"synthetic", statistics.synthetic},
                                 {"users", statistics.users},
                                 {"items", statistics.items},
                                 {"ratings", statistics.ratings},
                                 {"density", statistics.density},
                                 {"user_features", statistics.user_features},
                                 {"item_features", statistics.item_features},
                                 {"positive_threshold", statistics.positive_threshold},
                                 {"positives", statistics.positives},
                                 {"has_timestamps", statistics.has_timestamps},
                                 {"equal_last_timestamps", statistics.equal_last_timestamps},
                                 {"repeated_titles", statistics.repeated_titles},
                                 {"empty_titles", statistics.empty_titles}};
  json["tasks"] = nlohmann::ordered_json::array();
  for (const auto& task : statistics.tasks) {
    json["tasks"].push_back({{"task", task.task},
                             {"train", task.train},
                             {"validation", task.validation},
                             {"test", task.test},
                             {"train_only_users", task.train_only_users},
                             {"unseen_test_items", task.unseen_test_items},
                             {"tied_users", task.tied_users}});
  }
  json["notices"] = nlohmann::ordered_json::array();
  for (const auto& notice : statistics.notices) {
    json["notices"].push_back({{"what", notice.what}, {"count", notice.count}});
  }
  json["source_hash"] = statistics.source_hash;
  return json;
}

}  // namespace llama4rec::data
