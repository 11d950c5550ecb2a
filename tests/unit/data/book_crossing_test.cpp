#include "data/book_crossing.h"

#include <algorithm>

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Files files() {
  return {{"BX-Books.csv",
           "\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\";\"Publisher\"\n"
           "\"01x\";\"A \\\"B\\\"; C\";\"Ann\";\"2001\";\"Pub; Co\"\n"
           "\"02\";\"Caf\xE9\";\"Bob\";\"0\";\"P\"\n"},
          {"BX-Users.csv",
           "\"User-ID\";\"Location\";\"Age\"\n\"1\";\"nyc, usa\";NULL\n\"2\";\"x\";\"18\"\n\"9\";\"y\";\"5\"\n"},
          {"BX-Book-Ratings.csv",
           "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"2\";\"01x\";\"10\"\n\"1\";\"02\";\"7\"\n\"1\";\"01x\";\"1\"\n"}};
}

LoadedData load_books(const Files& some, std::int64_t core = 0) {
  TemporaryDirectory directory;
  write_files(directory, some);
  DataOptions options;
  options.core = core;
  return load(directory.path().string(), options);
}

/// Files with more rows of ratings.
LoadedData load_with(const std::string& ratings) {
  auto some = files();
  some["BX-Book-Ratings.csv"] += ratings;
  return load_books(some);
}

TEST(BookCrossing, ReadsQuotesEscapesLatin1AndNull) {
  const auto data = load_books(files());
  EXPECT_THAT(data.dataset.user_ids, ElementsAre("1", "2"));
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("A \"B\"; C", "Caf\xC3\xA9"));
  EXPECT_THAT(data.dataset.item_attributes.names, ElementsAre("author", "year", "publisher"));
  EXPECT_THAT(data.dataset.item_attributes.values[1], ElementsAre("2001", "")) << "year 0 means unknown";
  EXPECT_THAT(data.dataset.item_attributes.values[2], ElementsAre("Pub; Co", "P"));
  EXPECT_THAT(data.dataset.user_attributes.values[0], ElementsAre("nyc, usa", "x"));
  EXPECT_THAT(data.dataset.user_attributes.values[1], ElementsAre("", "18"));
  EXPECT_EQ(data.dataset.of_user(1)[0].rating, 10);
  EXPECT_FALSE(data.dataset.has_timestamps);
}

TEST(BookCrossing, FindsColumnsByNameSoThatTheOriginalEightColumnsWork) {
  auto some = files();
  const auto expected = load_books(some);
  some["BX-Books.csv"] =
      "\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\";\"Publisher\";\"Image-URL-S\";\"Image-URL-M\";"
      "\"Image-URL-L\"\n"
      "\"01x\";\"A \\\"B\\\"; C\";\"Ann\";\"2001\";\"Pub; Co\";\"http://s\";\"http://m\";\"http://l\"\n"
      "\"02\";\"Caf\xE9\";\"Bob\";\"0\";\"P\";\"http://s\";\"http://m\";\"http://l\"\n";
  some["BX-Users.csv"] = "\"Age\";\"User-ID\";\"Location\"\nNULL;\"1\";\"nyc, usa\"\n\"18\";\"2\";\"x\"\n";
  const auto data = load_books(some);
  EXPECT_EQ(data.dataset.item_titles, expected.dataset.item_titles);
  EXPECT_EQ(data.dataset.item_attributes.values, expected.dataset.item_attributes.values);
  EXPECT_EQ(data.dataset.user_attributes.values, expected.dataset.user_attributes.values);
}

TEST(BookCrossing, DropsAndCountsImplicitRatingsAndUnknownBooks) {
  const auto data = load_with("\"1\";\"01x\";\"0\"\n\"2\";\"01X\";\"5\"\n\"2\";\" 02\";\"5\"\n\"2\";\"02\";\"0\"\n");
  EXPECT_EQ(data.dataset.size(), 3);
  EXPECT_EQ(notice(data.dataset, "ratings of 0 (implicit feedback) dropped"), 2);
  EXPECT_EQ(notice(data.dataset, "ratings of books that are not in BX-Books.csv dropped"), 2)
      << "ISBNs are compared as the exact string";
}

TEST(BookCrossing, KeepsAndCountsUsersThatAreNotInTheUsersFile) {
  const auto data = load_with("\"77\";\"01x\";\"5\"\n\"77\";\"02\";\"6\"\n");
  EXPECT_THAT(data.dataset.user_ids, ElementsAre("1", "2", "77"));
  EXPECT_EQ(data.dataset.user_attributes.values[0][2], "");
  EXPECT_EQ(notice(data.dataset, "users with ratings that are not in BX-Users.csv, kept without attributes"), 1);
}

TEST(BookCrossing, DropsAndCountsMalformedRowsByWhatIsWrong) {
  const auto data = load_with(
      "\"1\";\"01x\"\n"              // too few
      "\"1\";\"01x\";\"5\";\"6\"\n"  // too many
      "\"1\";\"01x\";\"5\n"          // open quote
      "\"1\";\"01x\";\"5\\\"\n"      // its closing quote is escaped
      "\"1\";\"01x\"y;\"5\"\n"       // text behind a quote
      "\"1\";\"01x\";\"11\"\n"       // ratings
      "\"1\";\"01x\";\"five\"\n"
      "\"1\";\"01x\";\"-1\"\n"
      "\"\";\"01x\";\"5\"\n");
  const std::string rows = "malformed rows of BX-Book-Ratings.csv dropped: ";
  EXPECT_EQ(data.dataset.size(), 3);
  EXPECT_EQ(notice(data.dataset, rows + "with the wrong number of fields"), 2);
  EXPECT_EQ(notice(data.dataset, rows + "with a quote that is not closed"), 2);
  EXPECT_EQ(notice(data.dataset, rows + "with text after a closing quote"), 1);
  EXPECT_EQ(notice(data.dataset, rows + "with a rating that is no whole number from 0 to 10"), 3);
  EXPECT_EQ(notice(data.dataset, rows + "with an empty user id"), 1);
}

TEST(BookCrossing, SaysWhatBecameOfTheRatingsWhereNoneIsLeft) {
  auto some = files();
  some["BX-Book-Ratings.csv"] = "\"User-ID\";\"ISBN\";\"Book-Rating\"\n1,01x,5\n2,02,6\n2,01x,7\n\"1\";\"02\";\"0\"\n";
  EXPECT_THAT(
      message_of([&] { load_books(some); }),
      HasSubstr("BX-Book-Ratings.csv: no rating is left, expected rows like \"1\";\"034545104X\";\"5\"; malformed "
                "rows of BX-Book-Ratings.csv dropped: with the wrong number of fields: 3"));
  some["BX-Book-Ratings.csv"] = "\"User-ID\";\"ISBN\";\"Book-Rating\"\n";
  EXPECT_THAT(message_of([&] { load_books(some); }),
              HasSubstr("BX-Book-Ratings.csv: there are no ratings below the header"));
}

TEST(BookCrossing, CountsRepeatedBooksAndKeepsTheFirst) {
  auto some = files();
  some["BX-Books.csv"] += "\"02\";\"Other\";\"X\";\"1999\";\"Q\"\n";
  const auto data = load_books(some);
  EXPECT_EQ(data.dataset.item_titles[1], "Caf\xC3\xA9");
  EXPECT_EQ(notice(data.dataset, "repeated ISBNs in BX-Books.csv, the first row kept"), 1);
}

TEST(BookCrossing, RefusesFilesWithoutItsColumns) {
  auto some = files();
  some["BX-Book-Ratings.csv"] = "User-ID,ISBN,Book-Rating\n1,01x,5\n";
  EXPECT_THAT(
      message_of([&] { load_books(some); }),
      HasSubstr("BX-Book-Ratings.csv:1:1: the header has no column \"User-ID\", expected columns separated by ';'"));
  some = files();
  some.erase("BX-Users.csv");
  EXPECT_THAT(message_of([&] { load_books(some); }), HasSubstr("BX-Users.csv: no such file"));
}

TEST(BookCrossing, PermutesAUsersBooksByTheSeedAndTheUsersIdAlone) {
  std::string ratings;
  auto some = files();
  for (int i = 10; i < 40; ++i) {
    some["BX-Books.csv"] += "\"" + std::to_string(i) + "\";\"T\";\"A\";\"2000\";\"P\"\n";
    ratings += "\"2\";\"" + std::to_string(i) + "\";\"5\"\n";
  }
  some["BX-Book-Ratings.csv"] += ratings;
  TemporaryDirectory directory;
  write_files(directory, some);
  DataOptions options;
  options.core = 0;
  const auto order = [&] {
    const auto data = load(directory.path().string(), options).dataset;
    std::vector<std::string> items;
    for (const auto& i : data.of_user(static_cast<UserIndex>(data.users() - 1)))
      items.push_back(data.item_ids[static_cast<std::size_t>(i.item)]);
    return items;
  };
  const auto first = order();
  EXPECT_EQ(order(), first);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  options.order_seed = 2;
  EXPECT_NE(order(), first);
  options.order_seed = 1;
  // Without user 1, user 2 keeps its order.
  some["BX-Book-Ratings.csv"] = "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"2\";\"01x\";\"10\"\n" + ratings;
  write_files(directory, some);
  EXPECT_EQ(order(), first);
}

TEST(BookCrossing, SplitsEveryLineWithoutReadingBehindItsEnd) {
  std::vector<std::string> fields;
  std::size_t count = 0;
  EXPECT_EQ(split_book_crossing_row("", fields, count), BookCrossingRow::kGood);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(split_book_crossing_row(";", fields, count), BookCrossingRow::kGood);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(split_book_crossing_row("\"", fields, count), BookCrossingRow::kOpenQuote);
  EXPECT_EQ(split_book_crossing_row("\"a\\", fields, count), BookCrossingRow::kOpenQuote);
  EXPECT_EQ(split_book_crossing_row("\"\\\\\";x", fields, count), BookCrossingRow::kGood);
  EXPECT_EQ(fields[0], "\\");
  EXPECT_EQ(fields[1], "x");
}

}  // namespace
}  // namespace llama4rec::data
