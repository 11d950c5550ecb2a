#include "data/book_crossing.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <unordered_map>

#include "core/text.h"

namespace llama4rec::data {
namespace {

/// Rows of one of the files, with the wanted columns by name.
class BookCrossingFile {
 public:
  BookCrossingFile(const SourceText& source, const std::vector<std::string>& columns, Dataset& dataset)
      : file_(std::filesystem::path(source.name).filename().string()), lines_(source), dataset_(&dataset) {
    Row header;
    if (!lines_.next(header)) throw DataError({.file = source.name}, "there is no header line");
    if (split_book_crossing_row(header.text, fields_, width_) != BookCrossingRow::kGood) {
      header.fail(header.text, "the header line is malformed, found \"" + excerpt(header.text) + "\"");
    }
    for (const auto& column : columns) {
      const auto end = fields_.begin() + static_cast<std::ptrdiff_t>(width_);
      const auto found = std::find(fields_.begin(), end, column);
      if (found == end) {
        header.fail(header.text, "the header has no column \"" + column +
                                     "\", expected columns separated by ';', found \"" + excerpt(header.text) + "\"");
      }
      columns_.push_back(static_cast<std::size_t>(found - fields_.begin()));
    }
  }

  /// The next row that is well-formed; the others are counted.
  bool next() {
    Row row;
    while (lines_.next(row)) {
      std::size_t count = 0;
      const auto state = split_book_crossing_row(row.text, fields_, count);
      if (state == BookCrossingRow::kGood && count == width_) return true;
      drop(state == BookCrossingRow::kOpenQuote        ? "with a quote that is not closed"
           : state == BookCrossingRow::kTextAfterQuote ? "with text after a closing quote"
                                                       : "with the wrong number of fields");
    }
    return false;
  }
  [[nodiscard]] const std::string& field(std::size_t column) const { return fields_[columns_[column]]; }
  void drop(const std::string& why) { add_notice(*dataset_, "malformed rows of " + file_ + " dropped: " + why, 1); }

 private:
  std::string file_;
  LineReader lines_;
  Dataset* dataset_;
  std::vector<std::string> fields_;
  std::vector<std::size_t> columns_;
  std::size_t width_ = 0;
};

/// Ids that are owned: fields are unescaped into memory that is reused.
class OwnedIndex {
 public:
  std::pair<std::int32_t, bool> insert(const std::string& id) {
    if (const auto found = index_.find(id); found >= 0) return {found, false};
    return index_.insert(ids_.emplace_back(id));
  }
  [[nodiscard]] std::int32_t find(std::string_view id) const { return index_.find(id); }

 private:
  std::deque<std::string> ids_;  // a deque: its strings never move
  IdIndex index_;
};

void read_books(const SourceText& source, OwnedIndex& items, Dataset& dataset) {
  BookCrossingFile file(source, {"ISBN", "Book-Title", "Book-Author", "Year-Of-Publication", "Publisher"}, dataset);
  auto& columns = dataset.item_attributes.values;
  while (file.next()) {
    if (file.field(0).empty()) {
      file.drop("with an empty ISBN");
      continue;
    }
    if (!items.insert(file.field(0)).second) {
      add_notice(dataset, "repeated ISBNs in BX-Books.csv, the first row kept", 1);
      continue;
    }
    dataset.item_ids.push_back(from_latin1(file.field(0)));
    dataset.item_titles.push_back(from_latin1(file.field(1)));
    columns[0].push_back(from_latin1(file.field(2)));
    columns[1].push_back(file.field(3) == "0" ? std::string() : from_latin1(file.field(3)));
    columns[2].push_back(from_latin1(file.field(4)));
  }
}

struct UserRow {
  std::string location;
  std::string age;
};

void read_users(const SourceText& source, OwnedIndex& users, std::vector<UserRow>& rows, Dataset& dataset) {
  BookCrossingFile file(source, {"User-ID", "Location", "Age"}, dataset);
  while (file.next()) {
    if (file.field(0).empty()) {
      file.drop("with an empty user id");
      continue;
    }
    if (!users.insert(file.field(0)).second) {
      add_notice(dataset, "repeated user ids in BX-Users.csv, the first row kept", 1);
      continue;
    }
    dataset.user_ids.push_back(from_latin1(file.field(0)));
    rows.push_back({.location = from_latin1(file.field(1)), .age = from_latin1(file.field(2))});
  }
}

void read_ratings(const SourceText& source, const OwnedIndex& items, OwnedIndex& users, Dataset& dataset) {
  BookCrossingFile file(source, {"User-ID", "ISBN", "Book-Rating"}, dataset);
  std::int64_t implicit = 0;
  std::int64_t unknown_books = 0;
  std::int64_t unknown_users = 0;
  while (file.next()) {
    const auto& text = file.field(2);
    int rating = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rating);
    constexpr int kHighest = 10;
    if (error != std::errc{} || end != text.data() + text.size() || rating < 0 || rating > kHighest) {
      file.drop("with a rating that is no whole number from 0 to 10");
      continue;
    }
    if (file.field(0).empty()) {
      file.drop("with an empty user id");
      continue;
    }
    if (rating == 0) {
      ++implicit;
      continue;
    }
    const auto item = items.find(file.field(1));
    if (item < 0) {
      ++unknown_books;
      continue;
    }
    const auto [user, added] = users.insert(file.field(0));
    if (added) {
      ++unknown_users;
      dataset.user_ids.push_back(from_latin1(file.field(0)));
    }
    dataset.interactions.push_back({.user = user, .item = item, .rating = static_cast<float>(rating), .timestamp = 0});
  }
  add_notice(dataset, "ratings of 0 (implicit feedback) dropped", implicit);
  add_notice(dataset, "ratings of books that are not in BX-Books.csv dropped", unknown_books);
  add_notice(dataset, "users with ratings that are not in BX-Users.csv, kept without attributes", unknown_users);
}

/// What became of the ratings, by the most frequent reason.
[[noreturn]] void fail_empty(const SourceText& ratings, const Dataset& dataset) {
  const auto& notices = dataset.notices;
  const auto largest =
      std::max_element(notices.begin(), notices.end(), [](const auto& a, const auto& b) { return a.count < b.count; });
  if (largest == notices.end()) throw DataError({.file = ratings.name}, "there are no ratings below the header");
  throw DataError({.file = ratings.name}, "no rating is left, expected rows like \"1\";\"034545104X\";\"5\"; " +
                                              largest->what + ": " + text::with_thousands(largest->count));
}

}  // namespace

BookCrossingRow split_book_crossing_row(std::string_view line, std::vector<std::string>& fields, std::size_t& count) {
  count = 0;
  std::size_t i = 0;
  while (true) {
    if (count == fields.size()) fields.emplace_back();
    auto& field = fields[count++];
    field.clear();
    if (i < line.size() && line[i] == '"') {
      ++i;
      while (true) {
        const auto stop = line.find_first_of("\"\\", i);
        if (stop == std::string_view::npos) return BookCrossingRow::kOpenQuote;
        field.append(line.substr(i, stop - i));
        i = stop + 1;
        if (line[stop] == '"') break;
        if (i == line.size()) return BookCrossingRow::kOpenQuote;
        field += line[i++];
      }
      if (i < line.size() && line[i] != ';') return BookCrossingRow::kTextAfterQuote;
    } else {
      const auto end = std::min(line.find(';', i), line.size());
      field = line.substr(i, end - i);
      if (field == "NULL") field.clear();
      i = end;
    }
    if (i >= line.size()) return BookCrossingRow::kGood;
    ++i;  // the separator
  }
}

SourceData read_book_crossing(const std::filesystem::path& folder) {
  const auto books = read_source(folder / "BX-Books.csv", "Book-Crossing's books");
  const auto people = read_source(folder / "BX-Users.csv", "Book-Crossing's users");
  const auto ratings = read_source(folder / "BX-Book-Ratings.csv", "Book-Crossing's ratings");

  SourceData source;
  auto& dataset = source.dataset;
  dataset.name = "book-crossing";
  dataset.item_noun = "book";
  dataset.has_timestamps = false;
  constexpr float kHighest = 10;
  dataset.rating_maximum = kHighest;
  constexpr double kThreshold = 8;
  source.positive_threshold = kThreshold;
  constexpr std::int64_t kCore = 5;
  source.core = kCore;
  dataset.item_attributes = {.names = {"author", "year", "publisher"}, .values = {{}, {}, {}}};
  dataset.user_attributes = {.names = {"location", "age"}, .values = {{}, {}}};

  OwnedIndex items;
  OwnedIndex users;
  std::vector<UserRow> user_rows;
  read_books(books, items, dataset);
  read_users(people, users, user_rows, dataset);
  read_ratings(ratings, items, users, dataset);
  if (dataset.interactions.empty()) fail_empty(ratings, dataset);
  user_rows.resize(dataset.user_ids.size());
  for (auto& row : user_rows) {
    dataset.user_attributes.values[0].push_back(std::move(row.location));
    dataset.user_attributes.values[1].push_back(std::move(row.age));
  }
  dataset.source_hash = source_hash({&books, &people, &ratings});
  return source;
}

}  // namespace llama4rec::data
