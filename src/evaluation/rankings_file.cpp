#include "evaluation/rankings_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/text.h"

namespace llama4rec::evaluation {
namespace {

constexpr std::size_t kColumns = 4;
using Names = std::array<std::string_view, kColumns>;
constexpr Names kRankingColumns{"user", "item", "rank", "score"};
constexpr Names kPredictionColumns{"user", "item", "prediction", "rating"};

std::string header_line(const Names& names) { return fmt::format("{}", fmt::join(names, "\t")); }

/// Walks over the rows of a file with a header; columns as views into the file's bytes.
class RowReader {
 public:
  RowReader(const std::filesystem::path& file, const Names& names)
      : file_(file.string()), bytes_(read_file(file)), names_(names) {
    const bool any = next_line();
    if (!any || current_ != header_line(names_)) {
      throw DataError({.file = file_, .line = 1},
                      fmt::format("expected the header \"{}\" (tab-separated), found \"{}\"", fmt::join(names_, " "),
                                  text::to_valid_utf8(current_.substr(0, 80))));
    }
  }

  /// Moves to the next row; false at the end of the file.
  bool next() {
    if (!next_line()) return false;
    const auto parts = text::split(current_, "\t");
    if (parts.size() != kColumns) {
      throw DataError({.file = file_, .line = line_}, fmt::format("{} columns, expected {} separated by tabs ({})",
                                                                  parts.size(), kColumns, fmt::join(names_, ", ")));
    }
    for (std::size_t i = 0; i < kColumns; ++i) columns_[i] = parts[i];
    for (std::size_t i = 0; i < 2; ++i) {
      if (columns_[i].empty()) fail(i, "is empty, expected an id");
    }
    return true;
  }

  [[nodiscard]] std::string text(std::size_t column) const { return std::string(columns_[column]); }
  [[nodiscard]] std::size_t line() const { return line_; }

  /// A number; infinite ones only where `infinite` allows them, NaN never.
  [[nodiscard]] double number(std::size_t column, bool infinite) const {
    double value = 0;
    const auto [end, error] = std::from_chars(columns_[column].begin(), columns_[column].end(), value);
    if (error != std::errc() || end != columns_[column].end() || std::isnan(value) ||
        (!infinite && std::isinf(value))) {
      fail(column, fmt::format("is \"{}\", expected a {}", shown(column), infinite ? "number" : "finite number"));
    }
    return value;
  }

  void expect_rank(std::size_t column, std::size_t rank) const {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(columns_[column].begin(), columns_[column].end(), value);
    if (error != std::errc() || end != columns_[column].end() || value != rank) {
      fail(column,
           fmt::format("is \"{}\", expected {} (a user's ranks are 1, 2, 3, ... in order)", shown(column), rank));
    }
  }

  [[noreturn]] void fail(std::size_t column, const std::string& message) const {
    throw DataError({.file = file_, .line = line_},
                    fmt::format("column {} ({}) {}", column + 1, names_[column], message));
  }

 private:
  [[nodiscard]] std::string shown(std::size_t column) const {
    return text::to_valid_utf8(columns_[column].substr(0, 80));
  }

  bool next_line() {
    if (position_ >= bytes_.size()) return false;
    const std::size_t end = std::min(bytes_.find('\n', position_), bytes_.size());
    current_ = std::string_view(bytes_).substr(position_, end - position_);
    if (current_.ends_with('\r')) current_.remove_suffix(1);
    position_ = end + 1;
    ++line_;
    return true;
  }

  std::string file_;
  std::string bytes_;
  Names names_;
  std::array<std::string_view, kColumns> columns_;
  std::string_view current_;
  std::size_t position_ = 0;
  std::size_t line_ = 0;
};

std::string writable(const std::string& id, const char* what) {
  if (id.empty() || id.find_first_of("\t\r\n") != std::string::npos) {
    throw DataError(
        fmt::format("{} id \"{}\" cannot be written to a TSV file: it is empty or has a tab or a line break", what,
                    text::to_valid_utf8(id)));
  }
  return id;
}

void check_lengths(std::size_t users, std::size_t others, const char* what) {
  if (users != others) throw InternalError(fmt::format("{}: {} users for {} rows", what, users, others));
}

}  // namespace

std::vector<UserRanking> read_rankings(const std::filesystem::path& file) {
  RowReader rows(file, kRankingColumns);
  std::vector<UserRanking> rankings;
  std::unordered_map<std::string, std::size_t> first_lines;
  std::unordered_set<std::string> items;  // of the current user
  while (rows.next()) {
    auto user = rows.text(0);
    if (rankings.empty() || rankings.back().user != user) {
      const auto [known, inserted] = first_lines.emplace(user, rows.line());
      if (!inserted) {
        rows.fail(0, fmt::format("is \"{}\" again after line {}, expected a user's rows to stand together", user,
                                 known->second));
      }
      rankings.push_back({.user = std::move(user), .items = {}, .scores = {}, .line = rows.line()});
      items.clear();
    }
    auto& ranking = rankings.back();
    ranking.items.push_back(rows.text(1));
    if (!items.insert(ranking.items.back()).second) {
      rows.fail(1, fmt::format("is \"{}\" for the second time for user \"{}\"", ranking.items.back(), ranking.user));
    }
    rows.expect_rank(2, ranking.items.size());
    ranking.scores.push_back(rows.number(3, true));
  }
  return rankings;
}

std::vector<RatingPrediction> read_predictions(const std::filesystem::path& file) {
  RowReader rows(file, kPredictionColumns);
  std::vector<RatingPrediction> predictions;
  std::unordered_map<std::string, std::size_t> first_lines;
  while (rows.next()) {
    predictions.push_back({.user = rows.text(0),
                           .item = rows.text(1),
                           .prediction = rows.number(2, false),
                           .rating = rows.number(3, false),
                           .line = rows.line()});
    const auto& row = predictions.back();
    const auto [known, inserted] = first_lines.emplace(row.user + '\t' + row.item, row.line);
    if (!inserted) {
      rows.fail(1, fmt::format("is \"{}\" for user \"{}\" again, as in line {}", row.item, row.user, known->second));
    }
  }
  return predictions;
}

void write_rankings(const std::filesystem::path& file, const Dataset& dataset, std::span<const UserIndex> users,
                    std::span<const RankedList> lists) {
  check_lengths(users.size(), lists.size(), "rankings file");
  AtomicFile output(file);
  output.write(header_line(kRankingColumns) + "\n");
  std::string block;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto& user = writable(dataset.user_ids.at(static_cast<std::size_t>(users[i])), "user");
    const auto& list = lists[i];
    block.clear();
    for (std::size_t rank = 0; rank < list.items.size(); ++rank) {
      const auto& item = writable(dataset.item_ids.at(static_cast<std::size_t>(list.items[rank])), "item");
      fmt::format_to(std::back_inserter(block), "{}\t{}\t{}\t{}\n", user, item, rank + 1, list.scores.at(rank));
    }
    output.write(block);
  }
  output.commit();
}

void write_predictions(const std::filesystem::path& file, const Dataset& dataset, std::span<const UserIndex> users,
                       std::span<const ItemIndex> items, std::span<const float> predictions,
                       std::span<const float> ratings) {
  check_lengths(users.size(), items.size(), "predictions file");
  check_lengths(users.size(), predictions.size(), "predictions file");
  check_lengths(users.size(), ratings.size(), "predictions file");
  AtomicFile output(file);
  output.write(header_line(kPredictionColumns) + "\n");
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto& user = writable(dataset.user_ids.at(static_cast<std::size_t>(users[i])), "user");
    const auto& item = writable(dataset.item_ids.at(static_cast<std::size_t>(items[i])), "item");
    output.write(fmt::format("{}\t{}\t{}\t{}\n", user, item, predictions[i], ratings[i]));
  }
  output.commit();
}

}  // namespace llama4rec::evaluation
