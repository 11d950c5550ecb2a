#include "data/movielens.h"

#include <array>
#include <optional>
#include <span>

#include "core/text.h"
#include "data/source_text.h"

namespace llama4rec::data {
namespace {

// MovieLens 100K and 1M are latin-1; copies in circulation were partly turned into UTF-8.
class TextDecoder {
 public:
  TextDecoder(const SourceText& source, Dataset& dataset) {
    utf8_ = from_latin1(source.text).size() != source.text.size() && text::is_valid_utf8(source.text);
    if (utf8_) add_notice(dataset, "files in UTF-8 instead of the original's latin-1, read as UTF-8", 1);
  }
  [[nodiscard]] std::string operator()(std::string_view bytes) const {
    return utf8_ ? std::string(bytes) : from_latin1(bytes);
  }

 private:
  bool utf8_ = false;
};

bool is_year(std::string_view text) {
  return text.size() == 4 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "1995" of "Toy Story (1995)"; empty where a title does not end like that.
std::string year_of_title(std::string_view title) {
  title = text::trim(title);
  constexpr std::size_t kLength = 6;  // "(1995)"
  if (title.size() < kLength || title.back() != ')' || title[title.size() - kLength] != '(') return {};
  const auto year = title.substr(title.size() - kLength + 1, kLength - 2);
  return is_year(year) ? std::string(year) : std::string();
}

/// "1995" of "01-Jan-1995".
std::string year_of_date(std::string_view date) {
  const auto dash = date.rfind('-');
  if (dash == std::string_view::npos || !is_year(date.substr(dash + 1))) return {};
  return std::string(date.substr(dash + 1));
}

SourceData empty_movielens(const std::string& name) {
  SourceData source;
  source.dataset.name = name;
  source.dataset.item_noun = "movie";
  source.dataset.user_attributes.names = {"age", "gender", "occupation", "zip_code"};
  source.dataset.user_attributes.values.resize(4);
  source.dataset.item_attributes.names = {"genres", "year"};
  source.dataset.item_attributes.values.resize(2);
  constexpr double kThreshold = 4;
  source.positive_threshold = kThreshold;
  return source;
}

void insert_id(const Row& row, std::string_view id, const char* what, IdIndex& index, std::vector<std::string>& ids) {
  if (id.empty()) row.fail(id, std::string("the ") + what + " id is empty");
  if (!index.insert(id).second) {
    row.fail(id, std::string(what) + " id \"" + excerpt(id) + "\" occurs a second time, expected every id once");
  }
  ids.emplace_back(id);
}

struct RatingFormat {
  std::string_view separator;
  const char* layout;
  const char* user_file;
  const char* item_file;
};

void read_ratings(const SourceText& source, const RatingFormat& format, const IdIndex& users, const IdIndex& items,
                  Dataset& dataset) {
  constexpr std::size_t kShortestLine = 12;
  dataset.interactions.reserve(source.text.size() / kShortestLine);
  LineReader lines(source);
  Row row;
  std::array<std::string_view, 4> fields;
  std::string_view last_user;
  std::int32_t user = -1;
  while (lines.next(row)) {
    split_row(row, format.separator, format.layout, fields);
    if (user < 0 || fields[0] != last_user) user = users.find(last_user = fields[0]);
    if (user < 0) {
      row.fail(fields[0], "user id \"" + excerpt(fields[0]) + "\" is unknown, expected an id of " + format.user_file);
    }
    const auto item = items.find(fields[1]);
    if (item < 0) {
      row.fail(fields[1], "item id \"" + excerpt(fields[1]) + "\" is unknown, expected an id of " + format.item_file);
    }
    const auto rating = parse_number<int>(row, fields[2], "the rating");
    if (rating < 1 || rating > 5) row.fail(fields[2], "the rating is " + std::to_string(rating) + ", expected 1 to 5");
    dataset.interactions.push_back({.user = user,
                                    .item = item,
                                    .rating = static_cast<float>(rating),
                                    .timestamp = parse_number<std::int64_t>(row, fields[3], "the timestamp")});
  }
  if (!source.text.ends_with('\n')) {
    add_notice(dataset, "rating files without a line end after the last line (cut off?)", 1);
  }
}

std::vector<std::string> read_genre_names(const SourceText& source) {
  std::vector<std::string> names;
  LineReader lines(source);
  Row row;
  std::array<std::string_view, 2> fields;
  while (lines.next(row)) {
    split_row(row, "|", "name|number", fields);
    if (parse_number<std::size_t>(row, fields[1], "the genre's number") != names.size()) {
      row.fail(fields[1], "the genre's number is " + std::string(fields[1]) + ", expected " +
                              std::to_string(names.size()) + ", one more than the line before");
    }
    names.emplace_back(fields[0]);
  }
  return names;
}

std::string flagged_genres(const Row& row, std::span<const std::string_view> flags,
                           const std::vector<std::string>& names) {
  std::string genres;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (flags[i] != "0" && flags[i] != "1") {
      row.fail(flags[i], "the flag of genre " + names[i] + " is \"" + excerpt(flags[i]) + "\", expected 0 or 1");
    }
    // "unknown" marks a missing genre; an empty attribute says the same.
    if (flags[i] == "0" || names[i] == "unknown") continue;
    if (!genres.empty()) genres += '|';
    genres += names[i];
  }
  return genres;
}

void read_items_100k(const SourceText& source, const std::vector<std::string>& genre_names, IdIndex& items,
                     Dataset& dataset) {
  constexpr std::size_t kGenres = 19;
  constexpr std::size_t kBeforeGenres = 5;
  const TextDecoder decode(source, dataset);
  LineReader lines(source);
  Row row;
  std::array<std::string_view, kBeforeGenres + kGenres> fields;
  while (lines.next(row)) {
    split_row(row, "|", "id|title|release date|video release date|URL|19 genre flags", fields);
    insert_id(row, fields[0], "item", items, dataset.item_ids);
    dataset.item_titles.push_back(decode(fields[1]));
    auto year = year_of_date(fields[2]);
    if (year.empty()) year = year_of_title(fields[1]);
    dataset.item_attributes.values[0].push_back(
        flagged_genres(row, std::span(fields).subspan(kBeforeGenres), genre_names));
    dataset.item_attributes.values[1].push_back(std::move(year));
  }
}

void read_users_100k(const SourceText& source, IdIndex& users, Dataset& dataset) {
  LineReader lines(source);
  Row row;
  std::array<std::string_view, 5> fields;
  while (lines.next(row)) {
    split_row(row, "|", "id|age|gender|occupation|zip code", fields);
    insert_id(row, fields[0], "user", users, dataset.user_ids);
    parse_number<int>(row, fields[1], "the age");
    for (std::size_t i = 0; i < 4; ++i) dataset.user_attributes.values[i].push_back(from_latin1(fields[i + 1]));
  }
}

/// u.info states "943 users", "1682 items", "100000 ratings": the only sign of a file that was cut off between two lines.
void check_stated_counts(const std::filesystem::path& folder, const Dataset& dataset) {
  const auto file = folder / "u.info";
  if (!std::filesystem::exists(file)) return;
  const auto source = read_source(file, "MovieLens 100K's counts");
  LineReader lines(source);
  Row row;
  std::array<std::string_view, 2> fields;
  while (lines.next(row)) {
    split_row(row, " ", "count what", fields);
    const auto count = parse_number<std::int64_t>(row, fields[0], "the count");
    const auto found = fields[1] == "users" ? dataset.users() : fields[1] == "items" ? dataset.items() : dataset.size();
    if (count != found) {
      row.fail(fields[0],
               "it states " + std::string(row.text) + ", found " + std::to_string(found) + " (was a file cut off?)");
    }
  }
}

std::string age_group(const Row& row, std::string_view code) {
  switch (parse_number<int>(row, code, "the age group")) {
    case 1:
      return "Under 18";
    case 18:
      return "18-24";
    case 25:
      return "25-34";
    case 35:
      return "35-44";
    case 45:
      return "45-49";
    case 50:
      return "50-55";
    case 56:
      return "56+";
    default:
      row.fail(code, "the age group is " + excerpt(code) + ", expected 1, 18, 25, 35, 45, 50 or 56");
  }
}

std::string occupation(const Row& row, std::string_view code) {
  constexpr std::array<const char*, 21> kNames = {"other",
                                                  "academic/educator",
                                                  "artist",
                                                  "clerical/admin",
                                                  "college/grad student",
                                                  "customer service",
                                                  "doctor/health care",
                                                  "executive/managerial",
                                                  "farmer",
                                                  "homemaker",
                                                  "K-12 student",
                                                  "lawyer",
                                                  "programmer",
                                                  "retired",
                                                  "sales/marketing",
                                                  "scientist",
                                                  "self-employed",
                                                  "technician/engineer",
                                                  "tradesman/craftsman",
                                                  "unemployed",
                                                  "writer"};
  const auto number = parse_number<int>(row, code, "the occupation");
  if (number < 0 || number >= static_cast<int>(kNames.size())) {
    row.fail(code, "the occupation is " + excerpt(code) + ", expected 0 to 20");
  }
  return kNames[static_cast<std::size_t>(number)];
}

void read_users_1m(const SourceText& source, IdIndex& users, Dataset& dataset) {
  LineReader lines(source);
  Row row;
  std::array<std::string_view, 5> fields;
  auto& columns = dataset.user_attributes.values;
  while (lines.next(row)) {
    split_row(row, "::", "UserID::Gender::Age::Occupation::Zip-code", fields);
    insert_id(row, fields[0], "user", users, dataset.user_ids);
    columns[0].push_back(age_group(row, fields[2]));
    columns[1].push_back(from_latin1(fields[1]));
    columns[2].push_back(occupation(row, fields[3]));
    columns[3].push_back(from_latin1(fields[4]));
  }
}

void read_items_1m(const SourceText& source, IdIndex& items, Dataset& dataset) {
  const char* const layout = "MovieID::Title::Genres";
  const TextDecoder decode(source, dataset);
  LineReader lines(source);
  Row row;
  while (lines.next(row)) {
    // A title may contain colons, also two of them: the id ends at the first separator, the genres begin after the last.
    const auto first = row.text.find("::");
    const auto last = row.text.rfind("::");
    if (first == std::string_view::npos || last == first) {
      row.fail(row.text, std::string("too few fields, expected ") + layout + ", found \"" + excerpt(row.text) + "\"");
    }
    const auto title = row.text.substr(first + 2, last - first - 2);
    insert_id(row, row.text.substr(0, first), "item", items, dataset.item_ids);
    dataset.item_titles.push_back(decode(title));
    dataset.item_attributes.values[0].push_back(decode(row.text.substr(last + 2)));
    dataset.item_attributes.values[1].push_back(year_of_title(title));
  }
}

}  // namespace

SourceData read_movielens_100k(const std::filesystem::path& folder) {
  const auto genres = read_source(folder / "u.genre", "MovieLens 100K's genres");
  const auto users_file = read_source(folder / "u.user", "MovieLens 100K's users");
  const auto items_file = read_source(folder / "u.item", "MovieLens 100K's movies");
  const auto ratings = read_source(folder / "u.data", "MovieLens 100K's ratings");

  auto source = empty_movielens("ml-100k");
  auto& dataset = source.dataset;
  const auto genre_names = read_genre_names(genres);
  constexpr std::size_t kGenres = 19;
  if (genre_names.size() != kGenres) {
    throw DataError({.file = genres.name}, "found " + std::to_string(genre_names.size()) + " genres, expected 19");
  }
  IdIndex users;
  IdIndex items;
  read_users_100k(users_file, users, dataset);
  read_items_100k(items_file, genre_names, items, dataset);
  read_ratings(ratings,
               {.separator = "\t",
                .layout = "user, item, rating, timestamp separated by tabs",
                .user_file = "u.user",
                .item_file = "u.item"},
               users, items, dataset);
  check_stated_counts(folder, dataset);
  dataset.source_hash = source_hash({&genres, &users_file, &items_file, &ratings});
  return source;
}

SourceData read_movielens_1m(const std::filesystem::path& folder) {
  const auto users_file = read_source(folder / "users.dat", "MovieLens 1M's users");
  const auto items_file = read_source(folder / "movies.dat", "MovieLens 1M's movies");
  const auto ratings = read_source(folder / "ratings.dat", "MovieLens 1M's ratings");

  auto source = empty_movielens("ml-1m");
  auto& dataset = source.dataset;
  IdIndex users;
  IdIndex items;
  read_users_1m(users_file, users, dataset);
  read_items_1m(items_file, items, dataset);
  read_ratings(ratings,
               {.separator = "::",
                .layout = "UserID::MovieID::Rating::Timestamp",
                .user_file = "users.dat",
                .item_file = "movies.dat"},
               users, items, dataset);
  dataset.source_hash = source_hash({&users_file, &items_file, &ratings});
  return source;
}

}  // namespace llama4rec::data
