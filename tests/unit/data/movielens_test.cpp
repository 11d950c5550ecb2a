#include "data/movielens.h"

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char* const kGenres =
    "unknown|0\nAction|1\nAdventure|2\nAnimation|3\nChildren's|4\nComedy|5\nCrime|6\nDocumentary|7\nDrama|8\nFantasy|"
    "9\n"
    "Film-Noir|10\nHorror|11\nMusical|12\nMystery|13\nRomance|14\nSci-Fi|15\nThriller|16\nWar|17\nWestern|18\n\n";

std::string item_line(const std::string& id, const std::string& title, const std::string& date,
                      const std::string& flags) {
  return id + "|" + title + "|" + date + "||http://x|" + flags + "\n";
}

const char* const kComedy = "0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0";
const char* const kUnknown = "1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0";
const char* const kDramaWar = "0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|1|0";

Files files_100k() {
  return {
      {"u.genre", kGenres},
      {"u.user", "1|24|M|technician|85711\n2|53|F|other|94043\n"},
      {"u.item", item_line("1", "Fake Story (1995)", "01-Jan-1996", kComedy) + item_line("2", "unknown", "", kUnknown) +
                     item_line("3", "Mis\xE9rables; Les (1958)", "", kDramaWar)},
      {"u.data", "2\t3\t4\t300\n1\t1\t5\t200\n1\t2\t1\t100\n2\t1\t3\t300\n"}};
}

LoadedData load_files(const Files& files) {
  TemporaryDirectory directory;
  write_files(directory, files);
  return load(directory.path().string(), {});
}

std::string failure(const std::string& file, const std::string& text, Files files = files_100k()) {
  files[file] = text;
  return message_of([&] { load_files(files); });
}

TEST(Movielens100k, ReadsUsersMoviesAndRatingsInTheirOrder) {
  const auto data = load_files(files_100k());
  EXPECT_THAT(data.dataset.user_ids, ElementsAre("1", "2"));
  EXPECT_THAT(data.dataset.item_ids, ElementsAre("1", "2", "3"));
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("Fake Story (1995)", "unknown", "Mis\xC3\xA9rables; Les (1958)"));
  EXPECT_THAT(data.dataset.item_attributes.names, ElementsAre("genres", "year"));
  EXPECT_THAT(data.dataset.item_attributes.values[0], ElementsAre("Comedy", "", "Drama|War"));
  EXPECT_THAT(data.dataset.item_attributes.values[1], ElementsAre("1996", "", "1958"));
  EXPECT_THAT(data.dataset.user_attributes.names, ElementsAre("age", "gender", "occupation", "zip_code"));
  EXPECT_THAT(data.dataset.user_attributes.values[2], ElementsAre("technician", "other"));
  // User 2's two ratings share a timestamp: the order of the file decides.
  EXPECT_THAT(rows(data.dataset), ElementsAre("1 2 1 @100", "1 1 5 @200", "2 3 4 @300", "2 1 3 @300"));
  EXPECT_THAT(data.dataset.user_offsets, ElementsAre(0, 2, 4));
}

TEST(Movielens100k, AcceptsCrLf) {
  auto files = files_100k();
  const auto expected = rows(load_files(files).dataset);
  for (auto& [name, text] : files) {
    std::string with_returns;
    for (const char c : text) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
    text = with_returns;
  }
  const auto data = load_files(files);
  EXPECT_EQ(rows(data.dataset), expected);
  EXPECT_THAT(data.dataset.user_attributes.values[3], ElementsAre("85711", "94043"));
}

TEST(Movielens100k, RecognisesACopyInUtf8AndSaysSo) {
  auto files = files_100k();
  files["u.item"] = item_line("1", "A", "", kComedy) + item_line("2", "B", "", kComedy) +
                    item_line("3", "Mis\xC3\xA9rables", "", kComedy);
  const auto data = load_files(files);
  EXPECT_EQ(data.dataset.item_titles[2], "Mis\xC3\xA9rables");
  EXPECT_EQ(notice(data.dataset, "files in UTF-8 instead of the original's latin-1, read as UTF-8"), 1);
}

TEST(Movielens100k, NamesThePlaceOfAMalformedRating) {
  EXPECT_THAT(failure("u.data", "1\t1\t5\t200\n1\t2\tgood\t100\n"),
              HasSubstr("u.data:2:5: the rating is \"good\", expected a whole number"));
  EXPECT_THAT(failure("u.data", "1\t1\t9\t200\n"), HasSubstr("u.data:1:5: the rating is 9, expected 1 to 5"));
  EXPECT_THAT(failure("u.data", "1\t1\t0\t200\n"), HasSubstr("expected 1 to 5"));
  EXPECT_THAT(failure("u.data", "1\t1\t3.5\t200\n"), HasSubstr("expected a whole number"));
  EXPECT_THAT(failure("u.data", "1\t1\t5\t\n"), HasSubstr("u.data:1:7: the timestamp is \"\""));
  EXPECT_THAT(failure("u.data", "1\t1\t5\t99999999999999999999\n"), HasSubstr("the timestamp"));
  EXPECT_THAT(failure("u.data", "1\t1\t5\t200x\n"), HasSubstr("the timestamp is \"200x\""));
}

TEST(Movielens100k, NamesUnknownIds) {
  EXPECT_THAT(failure("u.data", "7\t1\t5\t200\n"),
              HasSubstr("u.data:1:1: user id \"7\" is unknown, expected an id of u.user"));
  EXPECT_THAT(failure("u.data", "1\t7\t5\t200\n"),
              HasSubstr("u.data:1:3: item id \"7\" is unknown, expected an id of u.item"));
  EXPECT_THAT(failure("u.data", "\t1\t5\t200\n"), HasSubstr("user id \"\" is unknown")) << "an empty user";
}

TEST(Movielens100k, RefusesAnotherSeparatorAndTruncatedLines) {
  EXPECT_THAT(failure("u.data", "1,1,5,200\n"),
              HasSubstr("u.data:1:1: too few fields, expected user, item, rating, timestamp separated by tabs"));
  EXPECT_THAT(failure("u.data", "1\t1\t5\t200\n2\t3\n"), HasSubstr("u.data:2:3: too few fields"));
  EXPECT_THAT(failure("u.data", "1\t1\t5\t200\t9\n"), HasSubstr("u.data:1:10: too many fields"));
  EXPECT_THAT(failure("u.item", "1|A|01-Jan-1995||http://x|0|1\n"), HasSubstr("u.item:1:"));
  EXPECT_THAT(failure("u.user", "1|24|M|technician\n"), HasSubstr("too few fields"));
}

TEST(Movielens100k, RefusesRepeatedIdsAndBadFlags) {
  EXPECT_THAT(failure("u.user", "1|24|M|a|1\n1|24|M|a|1\n"),
              HasSubstr("u.user:2:1: user id \"1\" occurs a second time"));
  EXPECT_THAT(failure("u.user", "|24|M|a|1\n"), HasSubstr("the user id is empty"));
  EXPECT_THAT(failure("u.user", "1|old|M|a|1\n"), HasSubstr("u.user:1:3: the age is \"old\""));
  EXPECT_THAT(failure("u.item", item_line("1", "A", "", "0|x|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0")),
              HasSubstr("the flag of genre Action is \"x\", expected 0 or 1"));
  EXPECT_THAT(failure("u.genre", "unknown|0\nAction|2\n"),
              HasSubstr("u.genre:2:8: the genre's number is 2, expected 1"));
  EXPECT_THAT(failure("u.genre", "unknown|0\n"), HasSubstr("found 1 genres, expected 19"));
}

TEST(Movielens100k, RefusesMissingAndEmptyFiles) {
  for (const char* name : {"u.genre", "u.user", "u.item"}) {
    auto files = files_100k();
    files.erase(name);
    EXPECT_THAT(message_of([&] { load_files(files); }),
                HasSubstr(std::string(name) + ": no such file, expected MovieLens"));
  }
  for (const char* name : {"u.genre", "u.user", "u.item", "u.data"}) {
    EXPECT_THAT(failure(name, ""), HasSubstr(std::string(name) + ": the file is empty"));
  }
  EXPECT_THAT(failure("u.data", "\n\n"), HasSubstr("there are no interactions"));
}

TEST(Movielens100k, FindsAFileThatWasCutOffByTheStatedCounts) {
  auto files = files_100k();
  files["u.info"] = "2 users\n3 items\n4 ratings\n";
  EXPECT_THAT(message_of([&] { load_files(files); }), IsEmpty());
  files["u.data"] = "1\t1\t5\t200\n";
  EXPECT_THAT(message_of([&] { load_files(files); }),
              HasSubstr("u.info:3:1: it states 4 ratings, found 1 (was a file cut off?)"));
}

TEST(Movielens100k, NotesALastLineWithoutItsEnd) {
  auto files = files_100k();
  files["u.data"].pop_back();
  EXPECT_EQ(notice(load_files(files).dataset, "rating files without a line end after the last line (cut off?)"), 1);
}

Files files_1m() {
  return {{"users.dat", "1::F::1::10::48067\n2::M::56::0::70072-1234\n"},
          {"movies.dat",
           "1::Fake Story (1995)::Animation|Comedy\n5::Alien: Part::Two (1979)::Horror\n7::Never Seen (1990)::Drama\n"},
          {"ratings.dat", "1::5::5::978300760\n1::1::3::978300700\n2::5::1::978300000\n"}};
}

TEST(Movielens1m, ReadsTitlesWithColonsAndDropsMoviesThatNobodyRated) {
  const auto data = load_files(files_1m());
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("Fake Story (1995)", "Alien: Part::Two (1979)"));
  EXPECT_THAT(data.dataset.item_attributes.values[1], ElementsAre("1995", "1979"));
  EXPECT_THAT(rows(data.dataset), ElementsAre("1 1 3 @978300700", "1 5 5 @978300760", "2 5 1 @978300000"));
  EXPECT_EQ(notice(data.dataset, "items without interactions dropped"), 1);
}

TEST(Movielens1m, TurnsCodesIntoTheNamesOfItsReadme) {
  const auto data = load_files(files_1m());
  EXPECT_THAT(data.dataset.user_attributes.values[0], ElementsAre("Under 18", "56+"));
  EXPECT_THAT(data.dataset.user_attributes.values[1], ElementsAre("F", "M"));
  EXPECT_THAT(data.dataset.user_attributes.values[2], ElementsAre("K-12 student", "other"));
  EXPECT_THAT(data.dataset.user_attributes.values[3], ElementsAre("48067", "70072-1234"));
}

TEST(Movielens1m, NamesThePlaceOfWhatItDoesNotUnderstand) {
  EXPECT_THAT(failure("users.dat", "1::F::2::10::48067\n", files_1m()),
              HasSubstr("users.dat:1:7: the age group is 2, expected 1, 18, 25"));
  EXPECT_THAT(failure("users.dat", "1::F::1::21::48067\n", files_1m()),
              HasSubstr("the occupation is 21, expected 0 to 20"));
  EXPECT_THAT(failure("movies.dat", "1::Fake Story\n", files_1m()), HasSubstr("expected MovieID::Title::Genres"));
  EXPECT_THAT(failure("ratings.dat", "1:5:5:978300760\n", files_1m()),
              HasSubstr("expected UserID::MovieID::Rating::Timestamp"));
  EXPECT_THAT(failure("ratings.dat", "1::9::5::978300760\n", files_1m()), HasSubstr("expected an id of movies.dat"));
}

TEST(Movielens, HashesDependOnTheContentOfEveryFileAndNotOnTheFolder) {
  const auto hash = load_files(files_100k()).dataset.source_hash;
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(load_files(files_100k()).dataset.source_hash, hash);
  for (const char* name : {"u.data", "u.user", "u.item", "u.genre"}) {
    auto files = files_100k();
    files[name] += "\n";
    EXPECT_NE(load_files(files).dataset.source_hash, hash) << name;
  }
}

}  // namespace
}  // namespace llama4rec::data
