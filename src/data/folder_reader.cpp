#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "core/text.h"
#include "data/folder.h"

namespace llama4rec::data {
namespace {

using nlohmann::json;

/// dataset.json with checks that name the file and the key.
class Description {
 public:
  explicit Description(const SourceText& source) : file_(source.name), json_(parse_json(source.text, source.name)) {
    if (!json_.is_object()) throw DataError({.file = file_}, "expected a JSON object");
    if (get<std::string>(json_, "format", "a text") != "llama4rec-dataset") {
      throw DataError({.file = file_}, "key \"format\": expected \"llama4rec-dataset\"");
    }
    const auto version = get<std::int64_t>(json_, "version", "a whole number");
    if (version != 1) {
      throw DataError({.file = file_}, "key \"version\": found " + std::to_string(version) +
                                           ", expected 1 (written by a newer version of llama4rec?)");
    }
  }
  template <class Value>
  [[nodiscard]] Value get(const std::string& key, const char* expected) const {
    return get<Value>(json_, key, expected);
  }
  template <class Value>
  [[nodiscard]] Value get(const json& object, const std::string& key, const char* expected) const {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end()) {
      throw DataError({.file = file_}, "key \"" + key + "\" is missing, expected " + expected);
    }
    if (!fits<Value>(*found)) throw DataError({.file = file_}, "key \"" + key + "\": expected " + expected);
    return found->template get<Value>();
  }
  [[nodiscard]] const json& child(const std::string& key) const {
    static const json nothing;
    const auto found = json_.find(key);
    return found == json_.end() ? nothing : *found;
  }
  [[noreturn]] void fail(const std::string& message) const { throw DataError({.file = file_}, message); }

 private:
  template <class Value>
  static bool fits(const json& value) {
    if constexpr (std::is_same_v<Value, bool>) {
      return value.is_boolean();
    } else if constexpr (std::is_same_v<Value, std::string>) {
      return value.is_string();
    } else if constexpr (std::is_integral_v<Value>) {
      return value.is_number_integer() &&
             (!value.is_number_unsigned() || std::in_range<Value>(value.get<std::uint64_t>()));
    } else {
      return value.is_number();
    }
  }
  std::string file_;
  json json_;
};

void split_cells(std::string_view line, std::vector<std::string_view>& cells) {
  cells.clear();
  std::size_t begin = 0;
  while (true) {
    const auto tab = line.find('\t', begin);
    cells.push_back(line.substr(begin, tab - begin));
    if (tab == std::string_view::npos) return;
    begin = tab + 1;
  }
}

/// Rows of one of our tables; the header must begin with the given columns.
class Table {
 public:
  Table(const SourceText& source, const std::vector<std::string>& leading) : lines_(source) {
    if (!lines_.next(row_)) throw DataError({.file = source.name}, "there is no header line");
    split_cells(row_.text, cells_);
    for (std::size_t i = 0; i < leading.size(); ++i) {
      if (i >= cells_.size() || cells_[i] != leading[i]) {
        row_.fail(
            i < cells_.size() ? cells_[i] : row_.text,
            "expected the header's columns " + text::join(leading, ", ") + ", found \"" + excerpt(row_.text) + "\"");
      }
    }
    for (std::size_t i = leading.size(); i < cells_.size(); ++i) more_.push_back(unescape_cell(row_, cells_[i]));
    width_ = cells_.size();
  }
  bool next() {
    if (!lines_.next(row_)) return false;
    split_cells(row_.text, cells_);
    if (cells_.size() != width_) {
      row_.fail(row_.text, "found " + std::to_string(cells_.size()) + " cells, expected " + std::to_string(width_) +
                               " as in the header, separated by tabs");
    }
    return true;
  }
  [[nodiscard]] const Row& row() const { return row_; }
  [[nodiscard]] std::string_view cell(std::size_t column) const { return cells_[column]; }
  [[nodiscard]] std::string text(std::size_t column) const { return unescape_cell(row_, cells_[column]); }
  /// Names of the columns behind the leading ones.
  [[nodiscard]] const std::vector<std::string>& more() const { return more_; }

 private:
  LineReader lines_;
  Row row_;
  std::vector<std::string_view> cells_;
  std::vector<std::string> more_;
  std::size_t width_ = 0;
};

void read_members(const SourceText& source, const std::vector<std::string>& leading, IdIndex& index,
                  std::vector<std::string>& ids, std::vector<std::string>* titles, AttributeTable& attributes) {
  Table table(source, leading);
  attributes.names = table.more();
  attributes.values.resize(attributes.names.size());
  while (table.next()) {
    const auto id = table.cell(0);
    if (id.empty()) table.row().fail(id, "the id is empty");
    if (!index.insert(id).second) {
      table.row().fail(id, "id \"" + excerpt(id) + "\" occurs a second time, expected every id once");
    }
    ids.push_back(table.text(0));
    if (titles != nullptr) titles->push_back(table.text(1));
    for (std::size_t i = 0; i < attributes.names.size(); ++i) {
      attributes.values[i].push_back(table.text(leading.size() + i));
    }
  }
}

Part parse_part(const Row& row, std::string_view cell) {
  if (cell == "train") return Part::kTrain;
  if (cell == "validation") return Part::kValidation;
  if (cell == "test") return Part::kTest;
  if (cell == "unused") return Part::kUnused;
  row.fail(cell, "the part is \"" + excerpt(cell) + "\", expected train, validation, test or unused");
}

void read_interactions(const SourceText& source, bool has_parts, const IdIndex& users, const IdIndex& items,
                       SourceData& data) {
  auto& dataset = data.dataset;
  std::vector<std::string> columns = {"user", "item", "rating"};
  if (dataset.has_timestamps) columns.emplace_back("timestamp");
  if (has_parts) columns.emplace_back("part");
  const std::size_t part_column = columns.size() - 1;  // not the table's last: more columns may follow
  Table table(source, columns);
  while (table.next()) {
    const Row& row = table.row();
    const auto user = users.find(table.cell(0));
    if (user < 0)
      row.fail(table.cell(0), "user id \"" + excerpt(table.cell(0)) + "\" is unknown, expected an id of users.tsv");
    const auto item = items.find(table.cell(1));
    if (item < 0)
      row.fail(table.cell(1), "item id \"" + excerpt(table.cell(1)) + "\" is unknown, expected an id of items.tsv");
    const auto rating = parse_number<float>(row, table.cell(2), "the rating");
    if (!(rating >= dataset.rating_minimum && rating <= dataset.rating_maximum)) {
      row.fail(table.cell(2), "the rating is " + excerpt(table.cell(2)) + ", outside of the scale in dataset.json");
    }
    const auto timestamp =
        dataset.has_timestamps ? parse_number<std::int64_t>(row, table.cell(3), "the timestamp") : std::int64_t{0};
    dataset.interactions.push_back({.user = user, .item = item, .rating = rating, .timestamp = timestamp});
    if (has_parts) data.parts.push_back(parse_part(row, table.cell(part_column)));
  }
}

void check_count(const Description& description, const std::string& key, std::int64_t found) {
  const auto expected = description.get<std::int64_t>(key, "a whole number");
  if (found != expected) {
    description.fail("it states " + std::to_string(expected) + " " + key + ", found " + std::to_string(found) + " in " +
                     key + ".tsv (was the file cut off or changed?)");
  }
}

}  // namespace

std::string unescape_cell(const Row& row, std::string_view cell) {
  if (cell.find('\\') == std::string_view::npos) return std::string(cell);
  std::string plain;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] != '\\') {
      plain += cell[i];
      continue;
    }
    const char next = i + 1 < cell.size() ? cell[i + 1] : '\0';
    switch (next) {
      case 't':
        plain += '\t';
        break;
      case 'n':
        plain += '\n';
        break;
      case 'r':
        plain += '\r';
        break;
      case '\\':
        plain += '\\';
        break;
      default:
        row.fail(cell.substr(i), "a backslash stands alone, expected \\t, \\n, \\r or \\\\");
    }
    ++i;
  }
  return plain;
}

SourceData read_folder(const std::filesystem::path& folder) {
  const auto description_file = read_source(folder / "dataset.json", "a data set's description");
  const auto users_file = read_source(folder / "users.tsv", "the data set's users");
  const auto items_file = read_source(folder / "items.tsv", "the data set's items");
  const auto interactions_file = read_source(folder / "interactions.tsv", "the data set's interactions");
  for (const auto* source : {&users_file, &items_file, &interactions_file}) {
    if (!text::is_valid_utf8(source->text)) throw DataError({.file = source->name}, "not valid UTF-8");
  }
  const Description description(description_file);

  SourceData data;
  auto& dataset = data.dataset;
  dataset.name = description.get<std::string>("name", "a text");
  dataset.synthetic = description.get<bool>("synthetic", "true or false");
  dataset.item_noun = description.get<std::string>("item_noun", "a text");
  dataset.has_timestamps = description.get<bool>("has_timestamps", "true or false");
  const auto& scale = description.child("rating");
  dataset.rating_minimum = description.get<float>(scale, "minimum", "a number");
  dataset.rating_maximum = description.get<float>(scale, "maximum", "a number");
  dataset.rating_step = description.get<float>(scale, "step", "a number");
  if (!(dataset.rating_minimum <= dataset.rating_maximum) || !(dataset.rating_step > 0) ||
      !std::isfinite(dataset.rating_minimum) || !std::isfinite(dataset.rating_maximum)) {
    description.fail("key \"rating\": expected minimum <= maximum and a step above 0");
  }
  data.positive_threshold = description.get<double>("positive_threshold", "a number");
  data.core = description.get<std::int64_t>("core", "a whole number");
  for (const auto& notice : description.child("notices")) {
    dataset.notices.push_back({.what = description.get<std::string>(notice, "what", "a text"),
                               .count = description.get<std::int64_t>(notice, "count", "a whole number")});
  }

  IdIndex users;
  IdIndex items;
  read_members(users_file, {"user"}, users, dataset.user_ids, nullptr, dataset.user_attributes);
  read_members(items_file, {"item", "title"}, items, dataset.item_ids, &dataset.item_titles, dataset.item_attributes);
  read_interactions(interactions_file, description.get<bool>("explicit_split", "true or false"), users, items, data);
  check_count(description, "users", dataset.users());
  check_count(description, "items", dataset.items());
  check_count(description, "interactions", dataset.size());
  dataset.source_hash = source_hash({&description_file, &users_file, &items_file, &interactions_file});
  return data;
}

}  // namespace llama4rec::data
