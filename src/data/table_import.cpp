#include "data/table_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <numeric>
#include <set>

#include "core/text.h"
#include "data/column_table.h"

namespace llama4rec::data {
namespace {

/// Ids in the order of their first occurrence.
class Members {
 public:
  std::pair<std::int32_t, bool> insert(std::string_view id) {
    if (const auto found = index_.find(id); found >= 0) return {found, false};
    return index_.insert(ids_.emplace_back(id));
  }
  [[nodiscard]] std::vector<std::string> ids() const { return {ids_.begin(), ids_.end()}; }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }

 private:
  std::deque<std::string> ids_;  // a deque: its strings never move
  IdIndex index_;
};

std::optional<std::size_t> title_column(const ColumnTable& table, const ImportOptions& options) {
  if (options.title_column) return table.require(*options.title_column, "--title-column");
  if (const auto found = table.find("title")) return found;
  for (const auto& name : table.names()) {
    if (text::lower(name).ends_with("title")) return table.find(name);
  }
  return table.find("name");
}

std::string cell_text(const ColumnTable& table, std::size_t column) {
  std::string text(table.cell(column));
  if (table.is_sequence(column)) std::replace(text.begin(), text.end(), ' ', '|');
  return text;
}

/// One of the interactions as it stands in the file: the time with its fraction.
struct TimedInteraction {
  Interaction interaction;
  double time = 0;
  Part part = Part::kTrain;
};

class Importer {
 public:
  explicit Importer(const ImportOptions& options) : options_(options) {}

  SourceData run() {
    check_threshold();
    auto& dataset = source_.dataset;
    dataset.name = options_.name;
    dataset.item_noun = options_.item_noun;
    if (!options_.items.empty()) read_items();
    if (!options_.users.empty()) read_users();
    const auto known_items = items_.size();
    const auto known_users = users_.size();
    read_parts();
    if (!options_.items.empty()) {
      add_notice(dataset, "items that are not in the items file, kept without title",
                 static_cast<std::int64_t>(items_.size() - known_items));
    }
    if (!options_.users.empty()) {
      add_notice(dataset, "users that are not in the users file, kept without attributes",
                 static_cast<std::int64_t>(users_.size() - known_users));
    }
    dataset.item_ids = items_.ids();
    dataset.user_ids = users_.ids();
    dataset.item_titles.resize(items_.size());
    for (auto& column : dataset.item_attributes.values) column.resize(items_.size());
    for (auto& column : dataset.user_attributes.values) column.resize(users_.size());
    finish_interactions();
    require_one_part_per_pair(source_);
    set_scale();
    dataset.source_hash = hash();
    return std::move(source_);
  }

 private:
  void check_threshold() const {
    if (!options_.positive_threshold) return;
    const double threshold = *options_.positive_threshold;
    if (std::isfinite(threshold) && threshold >= 0) return;
    throw UsageError(fmt::format("--positive-threshold: found {}, expected a number of at least 0", threshold));
  }

  ColumnTable& open(const std::filesystem::path& file, const std::string& expected) {
    return tables_.emplace_back(file, expected, options_);
  }

  /// Reads a file of items or users: the id, perhaps the title, and attributes.
  void read_members(ColumnTable& table, std::size_t id, std::optional<std::size_t> title, const char* what,
                    Members& members, AttributeTable& attributes) {
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < table.names().size(); ++i) {
      if (i == id || i == title) continue;
      columns.push_back(i);
      attributes.names.push_back(table.names()[i]);
    }
    attributes.values.resize(columns.size());
    while (table.next()) {
      const auto text = table.id(id, what);
      if (!members.insert(text).second) {
        table.fail(id,
                   std::string(what) + " id \"" + excerpt(text) + "\" occurs a second time, expected every id once");
      }
      if (title) source_.dataset.item_titles.emplace_back(table.cell(*title));
      for (std::size_t i = 0; i < columns.size(); ++i) attributes.values[i].push_back(cell_text(table, columns[i]));
    }
  }

  void read_items() {
    auto& table = open(options_.items, "the items");
    const auto id = table.require(options_.item_id_column, "--item-id-column");
    read_members(table, id, title_column(table, options_), "item", items_, source_.dataset.item_attributes);
  }

  void read_users() {
    auto& table = open(options_.users, "the users");
    const auto id = table.require(options_.user_id_column, "--user-id-column");
    read_members(table, id, std::nullopt, "user", users_, source_.dataset.user_attributes);
  }

  void read_parts() {
    const bool is_split = !options_.train.empty();
    if (!is_split) {
      read_interactions(options_.interactions, Part::kTrain);
      return;
    }
    read_interactions(options_.train, Part::kTrain);
    if (!options_.validation.empty()) read_interactions(options_.validation, Part::kValidation);
    if (!options_.test.empty()) read_interactions(options_.test, Part::kTest);
  }

  std::optional<std::size_t> optional_column(const ColumnTable& table, const std::optional<std::string>& wanted,
                                             const char* standard, const char* option) const {
    return wanted ? table.require(*wanted, option) : table.find(standard);
  }

  void read_interactions(const std::filesystem::path& file, Part part) {
    auto& table = open(file, "interactions");
    const auto user = table.require(options_.user_column, "--user-column");
    const auto item = table.require(options_.item_column, "--item-column");
    const auto rating = optional_column(table, options_.rating_column, "rating", "--rating-column");
    const auto time = optional_column(table, options_.timestamp_column, "timestamp", "--time-column");
    if (files_ > 0 && (rating.has_value() != has_ratings_ || time.has_value() != has_times_)) {
      throw DataError(
          {.file = table.source().name, .line = table.header_line()},
          "the rating or timestamp column is in some of the parts only, expected the same columns in all of them");
    }
    has_ratings_ = rating.has_value();
    has_times_ = time.has_value();
    ++files_;
    while (table.next()) {
      TimedInteraction row{.interaction = {.user = users_.insert(table.id(user, "user")).first,
                                           .item = items_.insert(table.id(item, "item")).first,
                                           .rating = rating ? read_rating(table, *rating) : 1},
                           .time = time ? read_time(table, *time) : 0,
                           .part = part};
      row.interaction.timestamp = static_cast<std::int64_t>(std::floor(row.time));
      rows_.push_back(row);
    }
  }

  [[nodiscard]] float read_rating(const ColumnTable& table, std::size_t column) const {
    const auto rating = static_cast<float>(table.number(column, "rating"));
    if (options_.scale && (rating < options_.scale->minimum || rating > options_.scale->maximum)) {
      table.fail(column, "the rating is " + excerpt(table.cell(column)) + ", outside of --rating-scale");
    }
    if (!std::isfinite(rating)) table.fail(column, "the rating is out of range");
    return rating;
  }

  static double read_time(const ColumnTable& table, std::size_t column) {
    const double time = table.number(column, "timestamp");
    constexpr double kLargest = 9e15;  // whole seconds are exact up to here
    if (std::abs(time) > kLargest) table.fail(column, "the timestamp is out of range, expected seconds");
    return time;
  }

  void finish_interactions() {
    if (rows_.empty()) {
      const auto& file = options_.train.empty() ? options_.interactions : options_.train;
      throw DataError({.file = file.string()}, "there are no interactions below the header");
    }
    source_.dataset.has_timestamps = has_times_;
    // Fractions of a second count in the order, which the order of the rows keeps.
    if (has_times_) {
      std::stable_sort(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
    }
    for (const auto& row : rows_) {
      source_.dataset.interactions.push_back(row.interaction);
      if (!options_.train.empty()) source_.parts.push_back(row.part);
    }
  }

  void set_scale() {
    auto& dataset = source_.dataset;
    const auto scale = rating_scale();
    dataset.rating_minimum = scale.minimum;
    dataset.rating_maximum = scale.maximum;
    dataset.rating_step = scale.step;
    const auto threshold = options_.positive_threshold;
    if (threshold && static_cast<float>(*threshold) > scale.maximum) {
      throw UsageError(fmt::format("--positive-threshold: found {}, expected at most {}, the highest rating",
                                   *threshold, scale.maximum));
    }
    source_.positive_threshold = threshold.value_or(has_ratings_ ? three_quarters_up(scale) : 0);
  }

  [[nodiscard]] RatingScale rating_scale() const {
    if (!has_ratings_) return {.minimum = 1, .maximum = 1, .step = 1};
    return options_.scale ? *options_.scale : observed_scale();
  }

  static double three_quarters_up(const RatingScale& scale) {
    constexpr double kShare = 0.75;
    const double steps = std::ceil((scale.maximum - scale.minimum) * kShare / scale.step - 1e-6);
    return scale.minimum + steps * scale.step;
  }

  [[nodiscard]] RatingScale observed_scale() const {
    RatingScale scale{
        .minimum = rows_.front().interaction.rating, .maximum = rows_.front().interaction.rating, .step = 1};
    for (const auto& row : rows_) {
      scale.minimum = std::min(scale.minimum, row.interaction.rating);
      scale.maximum = std::max(scale.maximum, row.interaction.rating);
    }
    for (const float step : {1.0F, 0.5F, 0.25F, 0.1F, 0.01F}) {
      scale.step = step;
      const bool fits = std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) {
        const float steps = (row.interaction.rating - scale.minimum) / step;
        return std::abs(steps - std::round(steps)) < 1e-3F;
      });
      if (fits) break;
    }
    return scale;
  }

  [[nodiscard]] std::string hash() const {
    std::vector<const SourceText*> sources;
    for (const auto& table : tables_) sources.push_back(&table.source());
    return source_hash(sources);
  }

  const ImportOptions& options_;
  SourceData source_;
  std::deque<ColumnTable> tables_;
  Members users_;
  Members items_;
  std::vector<TimedInteraction> rows_;
  bool has_ratings_ = false;
  bool has_times_ = false;
  int files_ = 0;
};

std::filesystem::path if_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::is_regular_file(file, error) ? file : std::filesystem::path();
}

std::vector<std::filesystem::path> inter_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".inter") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_part(const std::filesystem::path& file) {
  const auto part = file.stem().extension();
  return part == ".train" || part == ".valid" || part == ".test";
}

/// FOLDER/NAME of FOLDER/NAME.inter and FOLDER/NAME.train.inter.
std::filesystem::path stem_of(const std::filesystem::path& file) {
  const auto name = file.stem();
  return file.parent_path() / (is_part(file) ? name.stem() : name);
}

/// The one data set that lies in a folder.
std::filesystem::path only_stem(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> stems;
  for (const auto& file : inter_files(folder)) stems.insert(stem_of(file));
  if (stems.empty()) {
    throw DataError({.file = folder.string()}, "the folder holds no .inter file, expected RecBole's atomic files");
  }
  if (stems.size() == 1) return *stems.begin();
  std::vector<std::string> names;
  for (const auto& stem : stems) names.push_back(stem.filename().string());
  throw DataError({.file = folder.string()}, "the folder holds .inter files of several data sets (" +
                                                 text::join(names, ", ") + "), expected the name of one");
}

}  // namespace

RatingScale parse_rating_scale(const std::string& text) {
  const auto fail = [&]() -> RatingScale {
    throw UsageError("--rating-scale: found \"" + excerpt(text) +
                     "\", expected MINIMUM:MAXIMUM or MINIMUM:MAXIMUM:STEP, such as 1:5");
  };
  const auto parts = text::split(text, ":");
  if (parts.size() != 2 && parts.size() != 3) return fail();
  std::array<float, 3> values = {0, 0, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [end, error] = std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), values[i]);
    if (error != std::errc{} || end != parts[i].data() + parts[i].size() || !std::isfinite(values[i])) return fail();
  }
  const RatingScale scale{.minimum = values[0], .maximum = values[1], .step = values[2]};
  if (!(scale.minimum < scale.maximum) || !(scale.step > 0)) return fail();
  return scale;
}

SourceData import_tables(const ImportOptions& options) { return Importer(options).run(); }

bool is_recbole(const std::filesystem::path& path) {
  std::error_code error;
  return path.extension() == ".inter" || std::filesystem::is_directory(path, error);
}

ImportOptions recbole_options(const std::filesystem::path& path, ImportOptions options) {
  std::error_code error;
  const bool is_file = path.extension() == ".inter" && !std::filesystem::is_directory(path, error);
  const auto stem = is_file ? stem_of(path) : only_stem(path);
  const auto with = [&](const char* ending) { return if_there(stem.string() + ending); };
  // The parts are taken for the whole or for one of them, not in the place of another file that was named.
  if (!is_file || is_part(path)) options.train = with(".train.inter");
  if (!options.train.empty()) {
    options.validation = with(".valid.inter");
    options.test = with(".test.inter");
  } else {
    options.interactions = is_file ? path : with(".inter");
    if (options.interactions.empty()) {
      throw DataError({.file = path.string()},
                      "a part of a split is there, expected " + stem.filename().string() + ".train.inter too");
    }
  }
  if (options.items.empty()) options.items = with(".item");
  if (options.users.empty()) options.users = with(".user");
  options.typed_headers = true;
  options.quotes = false;
  return options;
}

}  // namespace llama4rec::data
