#include "data/table_import.h"

#include <cmath>
#include <limits>

#include "data/delimited.h"
#include "data/folder.h"
#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::vector<std::string>> records(const std::string& text, const std::string& separator = ",",
                                              Quotes quotes = Quotes::kRfc4180) {
  const SourceText source{.name = "f.csv", .text = text};
  DelimitedReader reader(source, separator, quotes);
  std::vector<std::vector<std::string>> all;
  while (reader.next()) all.emplace_back(reader.fields().begin(), reader.fields().end());
  return all;
}

TEST(DelimitedReader, ReadsQuotedFieldsAsRfc4180HasThem) {
  EXPECT_THAT(records("a,b,c\r\n\"1,2\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n"),
              ElementsAre(ElementsAre("a", "b", "c"), ElementsAre("1,2", "say \"hi\"", "two\r\nlines")));
  EXPECT_THAT(records("\"\",,\"\"\"\"\n"), ElementsAre(ElementsAre("", "", "\"")));
  EXPECT_THAT(records("a\"b,c\n"), ElementsAre(ElementsAre("a\"b", "c"))) << "a quote inside of a plain field is text";
}

TEST(DelimitedReader, ReadsEmptyFieldsMissingLineEndsAndByteOrderMarks) {
  EXPECT_THAT(records(",\n"), ElementsAre(ElementsAre("", "")));
  EXPECT_THAT(records("a,b\n\n\nc,"), ElementsAre(ElementsAre("a", "b"), ElementsAre("c", "")));
  EXPECT_THAT(records("\xEF\xBB\xBFid,x\n"), ElementsAre(ElementsAre("id", "x")));
  EXPECT_THAT(records("a::b:c::d\n", "::"), ElementsAre(ElementsAre("a", "b:c", "d")));
  EXPECT_THAT(records("\"a\t\"b\n", "\t", Quotes::kNone), ElementsAre(ElementsAre("\"a", "\"b")));
  EXPECT_TRUE(records("").empty());
}

TEST(DelimitedReader, NamesThePlaceOfBadQuotes) {
  EXPECT_THAT(message_of([] { records("a,b\nc,\"open\n"); }),
              HasSubstr("f.csv:2:3: the quote that opens here is not closed"));
  EXPECT_THAT(message_of([] { records("\"x\ny\" z,1\n"); }), HasSubstr("f.csv:2:3: text behind a closing quote"));
}

TEST(Utf8, IsRequiredWithThePlaceOfTheFirstOtherByte) {
  EXPECT_THAT(message_of([] { require_utf8({.name = "f", .text = "ab\n\xC3\xA9x\xE9y\n"}, "UTF-8"); }),
              HasSubstr("f:2:4: byte 0xE9 is not UTF-8"));
}

class Import : public ::testing::Test {
 protected:
  ImportOptions options(const std::string& text, const std::string& name = "x.csv") {
    ImportOptions options;
    options.interactions = directory_.write(name, text);
    return options;
  }
  static LoadedData assembled(const ImportOptions& options) {
    auto source = import_tables(options);
    const auto threshold = static_cast<float>(source.positive_threshold);
    return assemble(std::move(source), {.positive_threshold = threshold});
  }
  std::string failure(const std::string& text) {
    return message_of([&] { import_tables(options(text)); });
  }
  TemporaryDirectory directory_;
};

TEST_F(Import, ReadsNamedColumnsInAnyOrder) {
  auto wanted = options("when,movie,score,who\n30,m1,4,bob\n10,m2,3,bob\n20,m1,5,ann\n");
  wanted.user_column = "who";
  wanted.item_column = "movie";
  wanted.rating_column = "score";
  wanted.timestamp_column = "when";
  const auto data = assembled(wanted);
  EXPECT_THAT(rows(data.dataset), ElementsAre("bob m2 3 @10", "bob m1 4 @30", "ann m1 5 @20"));
  EXPECT_TRUE(data.dataset.has_timestamps);
  EXPECT_EQ(data.dataset.rating_minimum, 3);
  EXPECT_EQ(data.dataset.rating_maximum, 5);
}

TEST_F(Import, KeepsItemsTitlesAndAttributesAndCountsWhatTheFilesLack) {
  auto wanted = options("user_id\titem_id\trating\nu1\ti1\t5\nu2\ti9\t1\n", "x.tsv");
  wanted.items = directory_.write("items.tsv", "year\titem_id\ttitle\n1990\ti1\t\"A\tB\"\n1991\ti2\tNever\n");
  wanted.users = directory_.write("users.tsv", "user_id\tage\nu1\t33\n");
  const auto data = assembled(wanted);
  EXPECT_THAT(data.dataset.item_ids, ElementsAre("i1", "i9"));
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("A\tB", ""));
  EXPECT_THAT(data.dataset.item_attributes.names, ElementsAre("year"));
  EXPECT_THAT(data.dataset.item_attributes.values[0], ElementsAre("1990", ""));
  EXPECT_THAT(data.dataset.user_attributes.values[0], ElementsAre("33", ""));
  EXPECT_EQ(notice(data.dataset, "items that are not in the items file, kept without title"), 1);
  EXPECT_EQ(notice(data.dataset, "users that are not in the users file, kept without attributes"), 1);
  EXPECT_EQ(notice(data.dataset, "items without interactions dropped"), 1);
}

TEST_F(Import, TakesEveryInteractionAsPositiveWithoutRatings) {
  const auto data = assembled(options("user_id,item_id\na,x\na,y\na,z\na,w\n"));
  EXPECT_FALSE(data.dataset.has_timestamps);
  EXPECT_EQ(data.dataset.interactions[0].rating, 1);
  EXPECT_EQ(data.split(Task::kDirect).train(0).size(), 2U);
}

TEST_F(Import, FindsTheScaleItsStepAndAThreshold) {
  const auto half = import_tables(options("user_id,item_id,rating\na,x,0.5\na,y,5\na,z,3.5\n"));
  EXPECT_EQ(half.dataset.rating_minimum, 0.5F);
  EXPECT_EQ(half.dataset.rating_step, 0.5F);
  EXPECT_EQ(half.positive_threshold, 4) << "3.875, rounded up to a step";
  const auto five = import_tables(options("user_id,item_id,rating\na,x,1\na,y,5\n"));
  EXPECT_EQ(five.positive_threshold, 4) << "as MovieLens";
  const auto ten = import_tables(options("user_id,item_id,rating\na,x,1\na,y,10\n"));
  EXPECT_EQ(ten.positive_threshold, 8) << "as Book-Crossing";
  auto stated = options("user_id,item_id,rating\na,x,2\na,y,4\n");
  stated.scale = parse_rating_scale("1:5");
  stated.positive_threshold = 2.5;
  EXPECT_EQ(import_tables(stated).dataset.rating_maximum, 5);
  EXPECT_EQ(import_tables(stated).positive_threshold, 2.5);
  stated.scale = parse_rating_scale("3:5");
  EXPECT_THAT(message_of([&] { import_tables(stated); }),
              HasSubstr("x.csv:2:5: the rating is 2, outside of --rating-scale"));
}

TEST_F(Import, RefusesRatingScalesThatAreNone) {
  for (const char* text : {"", "1", "5:1", "1:5:0", "1:5:-1", "a:b", "1:2:3:4", "1:nan", "1:5x"}) {
    EXPECT_THAT(message_of<UsageError>([&] { parse_rating_scale(text); }), HasSubstr("expected MINIMUM:MAXIMUM"))
        << text;
  }
}

TEST_F(Import, OrdersByFractionsOfASecond) {
  const auto data = assembled(options("user_id,item_id,timestamp\na,x,10.9\na,y,10.1\na,z,1e1\n"));
  EXPECT_THAT(rows(data.dataset), ElementsAre("a z 1 @10", "a y 1 @10", "a x 1 @10"));
}

TEST_F(Import, TakesExplicitParts) {
  ImportOptions wanted;
  wanted.train = directory_.write("a.csv", "user_id,item_id,rating,timestamp\nu,1,5,1\nu,2,5,2\nv,1,5,1\n");
  wanted.validation = directory_.write("b.csv", "user_id,item_id,rating,timestamp\nu,3,5,9\n");
  wanted.test = directory_.write("c.csv", "user_id,item_id,rating,timestamp\nu,4,5,3\n");
  const auto data = assembled(wanted);
  const auto split = data.split(Task::kDirect);
  const auto item = [&](InteractionIndex i) {
    return data.dataset.item_ids[static_cast<std::size_t>(data.dataset.interactions[static_cast<std::size_t>(i)].item)];
  };
  EXPECT_EQ(item(split.validation(0)), "3") << "later than the test item, but told so";
  EXPECT_EQ(item(split.test(0)), "4");
  EXPECT_EQ(split.train(0).size(), 2U);
  EXPECT_EQ(split.test(1), -1);
  wanted.test = directory_.write("d.csv", "user_id,item_id,rating\nu,4,5\n");
  EXPECT_THAT(message_of([&] { import_tables(wanted); }), HasSubstr("expected the same columns in all of them"));
}

TEST_F(Import, RefusesAPairThatIsInTwoParts) {
  ImportOptions wanted;
  wanted.train = directory_.write("a.csv", "user_id,item_id\nu,1\nv,2\n");
  wanted.test = directory_.write("b.csv", "user_id,item_id\nv,2\n");
  EXPECT_THAT(message_of([&] { import_tables(wanted); }),
              HasSubstr("user \"v\" and item \"2\" are in both train and test"));
}

TEST_F(Import, RefusesThresholdsThatNoRatingCanBeMeasuredBy) {
  auto wanted = options("user_id,item_id,rating\na,x,3\na,y,5\n");
  for (const double threshold : {std::nan(""), -1.0, -0.5, std::numeric_limits<double>::infinity()}) {
    wanted.positive_threshold = threshold;
    EXPECT_THAT(message_of<UsageError>([&] { import_tables(wanted); }), HasSubstr("--positive-threshold: found "))
        << threshold;
  }
  wanted.positive_threshold = 99;
  EXPECT_THAT(message_of<UsageError>([&] { import_tables(wanted); }),
              HasSubstr("--positive-threshold: found 99, expected at most 5, the highest rating"));
  for (const double threshold : {0.0, 5.0}) {
    wanted.positive_threshold = threshold;
    EXPECT_EQ(import_tables(wanted).positive_threshold, threshold);
  }
}

TEST_F(Import, TakesRatingsBelowZero) {
  const auto source = import_tables(options("user_id,item_id,rating\na,x,-5\na,y,-1\n"));
  EXPECT_EQ(source.dataset.rating_maximum, -1);
  EXPECT_EQ(source.positive_threshold, -2);
}

TEST_F(Import, NamesTheHeadersLineBehindEmptyLines) {
  EXPECT_THAT(failure("\n\nuser,item\na,b\n"), HasSubstr("x.csv:3: there is no column \"user_id\""));
}

TEST_F(Import, NamesThePlaceOfWhatIsWrong) {
  EXPECT_THAT(
      failure("user,item\na,b\n"),
      HasSubstr(
          "x.csv:1: there is no column \"user_id\", found user, item (name it by --user-column, and see --separator)"));
  EXPECT_THAT(failure("user_id,item_id,rating\na,b,good\n"),
              HasSubstr("x.csv:2:5: the rating is \"good\", expected a number"));
  EXPECT_THAT(failure("user_id,item_id,rating\na,b,nan\n"), HasSubstr("expected a number"));
  EXPECT_THAT(failure("user_id,item_id,rating\na,b,inf\n"), HasSubstr("expected a number"));
  EXPECT_THAT(failure("user_id,item_id,rating\na,b,\n"), HasSubstr("the rating is \"\""));
  EXPECT_THAT(failure("user_id,item_id,rating\n,b,1\n"), HasSubstr("x.csv:2:1: the user id is empty"));
  EXPECT_THAT(failure("user_id,item_id,rating\na,b\n"), HasSubstr("found 2 fields, expected 3 as in the header"));
  EXPECT_THAT(failure("user_id,item_id,user_id\na,b,1\n"),
              HasSubstr("x.csv:1:17: column \"user_id\" occurs a second time"));
  EXPECT_THAT(failure("user_id,item_id,\na,b,1\n"), HasSubstr("a column of the header has no name"));
  EXPECT_THAT(failure("user_id,item_id,timestamp\na,b,1e300\n"), HasSubstr("the timestamp is out of range"));
  EXPECT_THAT(failure("user_id,item_id,timestamp\na,b,2015-01-01\n"), HasSubstr("the timestamp is \"2015-01-01\""));
  EXPECT_THAT(failure("user_id,item_id\n"), HasSubstr("there are no interactions below the header"));
  EXPECT_THAT(failure(""), HasSubstr("the file is empty"));
  EXPECT_THAT(failure("\n\n"), HasSubstr("there is no header line"));
  EXPECT_THAT(failure("user_id,item_id\na,caf\xE9\n"),
              HasSubstr("x.csv:2:6: byte 0xE9 is not UTF-8, expected UTF-8 (or --latin1)"));
}

TEST_F(Import, ReadsLatin1WhereThatIsSaid) {
  auto wanted = options("user_id,item_id\na,caf\xE9\n");
  wanted.latin1 = true;
  EXPECT_THAT(import_tables(wanted).dataset.item_ids, ElementsAre("caf\xC3\xA9"));
}

TEST_F(Import, GivesTheSameDataAfterAWayThroughOurFolder) {
  auto wanted = options("user_id,item_id,rating,timestamp\nb,\"x\ty\",3,10\na,z,5,10\nb,z,1,10\nb,w,2,10\n");
  auto source = import_tables(wanted);
  write_folder(source, directory_ / "out", Overwrite::kNo);
  const auto threshold = static_cast<float>(source.positive_threshold);
  const auto direct = assemble(std::move(source), {.positive_threshold = threshold});
  const auto stored = load((directory_ / "out").string(), {});
  EXPECT_EQ(rows(stored.dataset), rows(direct.dataset)) << "ties keep the order of the file";
  EXPECT_EQ(stored.positive_threshold, direct.positive_threshold);
}

class Recbole : public Import {
 protected:
  Recbole() {
    directory_.write("ml/ml.inter",
                     "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t7\t4\t10\n1\t8\t5\t5.5\n");
    directory_.write("ml/ml.item",
                     "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
                     "7\tA \"B\" C\t1995\tAction Drama\n8\tD\t\tComedy\n");
    directory_.write("ml/ml.user", "user_id:token\tage:token\n1\t24\n");
  }
};

TEST_F(Recbole, ReadsAtomicFilesWithTypedHeaders) {
  ASSERT_TRUE(is_recbole(directory_ / "ml"));
  const auto data = assembled(recbole_options(directory_ / "ml", {}));
  EXPECT_THAT(rows(data.dataset), ElementsAre("1 8 5 @5", "1 7 4 @10"));
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("A \"B\" C", "D")) << "a title is a sequence of words, not a list";
  EXPECT_THAT(data.dataset.item_attributes.names, ElementsAre("release_year", "class"));
  EXPECT_THAT(data.dataset.item_attributes.values[1], ElementsAre("Action|Drama", "Comedy"));
  EXPECT_THAT(data.dataset.user_attributes.values[0], ElementsAre("24"));
}

TEST_F(Recbole, TakesItsSplitFilesAsExplicitParts) {
  const std::string header = "user_id:token\titem_id:token\n";
  directory_.write("s/x.train.inter", header + "1\ta\n1\tb\n");
  directory_.write("s/x.valid.inter", header + "1\tc\n");
  directory_.write("s/x.test.inter", header + "1\td\n");
  const auto data = assembled(recbole_options(directory_ / "s", {}));
  const auto split = data.split(Task::kDirect);
  EXPECT_EQ(split.train(0).size(), 2U);
  EXPECT_GE(split.test(0), 0);
  EXPECT_GE(split.validation(0), 0);
}

TEST_F(Recbole, TakesANamedFileAndNotThePartsBesideIt) {
  const std::string header = "user_id:token\titem_id:token\n";
  directory_.write("ml/ml.train.inter", header + "1\ta\n");
  directory_.write("ml/ml.test.inter", header + "1\tb\n");
  const auto named = import_tables(recbole_options(directory_ / "ml/ml.inter", {}));
  EXPECT_TRUE(named.parts.empty());
  EXPECT_THAT(rows(named.dataset), ElementsAre("1 8 5 @5", "1 7 4 @10"));
  for (const char* path : {"ml/ml.train.inter", "ml/ml.test.inter", "ml"}) {
    EXPECT_EQ(import_tables(recbole_options(directory_ / path, {})).parts.size(), 2U) << path;
  }
}

TEST_F(Recbole, RefusesAFolderWithSeveralDataSets) {
  directory_.write("ml/other.train.inter", "user_id:token\titem_id:token\n1\ta\n");
  EXPECT_THAT(
      message_of([&] { recbole_options(directory_ / "ml", {}); }),
      HasSubstr("ml: the folder holds .inter files of several data sets (ml, other), expected the name of one"));
  EXPECT_EQ(import_tables(recbole_options(directory_ / "ml/ml.inter", {})).dataset.size(), 2);
}

TEST_F(Recbole, RefusesHeadersWithoutTypesAndFoldersWithoutInteractions) {
  directory_.write("bad/x.inter", "user_id\titem_id\n1\t2\n");
  EXPECT_THAT(message_of([&] { import_tables(recbole_options(directory_ / "bad", {})); }),
              HasSubstr("x.inter:1:1: the header's field is \"user_id\", expected NAME:TYPE"));
  directory_.write("none/x.item", "item_id:token\n1\n");
  ASSERT_TRUE(is_recbole(directory_ / "none")) << "a folder is never one table";
  EXPECT_THAT(message_of([&] { recbole_options(directory_ / "none", {}); }),
              HasSubstr("none: the folder holds no .inter file, expected RecBole's atomic files"));
}

}  // namespace
}  // namespace llama4rec::data
