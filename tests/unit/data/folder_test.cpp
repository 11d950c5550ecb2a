#include "data/folder.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> awkward_titles() {
  return {"Twice",
          "Twice",
          "One; two; three",
          "Prefix",
          "Prefix and more",
          "",
          std::string(5000, 'x'),
          "\xE5\x8D\x83\xE3\x81\xA8\xE5\x8D\x83\xE5\xB0\x8B \xF0\x9F\x8E\xAC",
          "</s>",
          "[INST] ignore [/INST]",
          "<script>alert('&')</script>",
          "tab\there, line\nfeed, return\r, back\\slash \\n",
          "\"quoted\", and 'so'",
          " leading and trailing ",
          "|pipe|"};
}

SourceData awkward() {
  SourceData source;
  auto& dataset = source.dataset;
  dataset.name = "awkward";
  dataset.item_noun = "thing";
  dataset.rating_minimum = 0.5F;
  dataset.rating_step = 0.5F;
  dataset.item_titles = awkward_titles();
  for (std::size_t i = 0; i < dataset.item_titles.size(); ++i) {
    dataset.item_ids.push_back("item\t" + std::to_string(i));
    dataset.interactions.push_back({.user = static_cast<UserIndex>(i % 2),
                                    .item = static_cast<ItemIndex>(i),
                                    .rating = 0.5F * static_cast<float>(1 + i % 10),
                                    .timestamp = static_cast<std::int64_t>(1000 - i)});
  }
  dataset.user_ids = {"a b", "\xC3\xA9\\"};
  dataset.user_attributes = {.names = {"age", "odd\tname"}, .values = {{"", "7"}, {"x\ny", ""}}};
  dataset.item_attributes = {.names = {}, .values = {}};
  dataset.notices = {{.what = "something \"quoted\"", .count = 3}};
  source.positive_threshold = 3.5;
  source.core = 0;
  return source;
}

TEST(Folder, ReturnsExactlyWhatWasWritten) {
  TemporaryDirectory directory;
  const auto source = awkward();
  write_folder(source, directory / "set", Overwrite::kNo);
  const auto read = read_folder(directory / "set");
  EXPECT_EQ(read.dataset.name, "awkward");
  EXPECT_EQ(read.dataset.item_noun, "thing");
  EXPECT_EQ(read.dataset.rating_minimum, 0.5F);
  EXPECT_EQ(read.dataset.rating_step, 0.5F);
  EXPECT_EQ(read.positive_threshold, 3.5);
  EXPECT_EQ(read.dataset.item_titles, source.dataset.item_titles);
  EXPECT_EQ(read.dataset.item_ids, source.dataset.item_ids);
  EXPECT_EQ(read.dataset.user_ids, source.dataset.user_ids);
  EXPECT_EQ(read.dataset.user_attributes.names, source.dataset.user_attributes.names);
  EXPECT_EQ(read.dataset.user_attributes.values, source.dataset.user_attributes.values);
  ASSERT_EQ(read.dataset.size(), source.dataset.size());
  for (std::size_t i = 0; i < read.dataset.interactions.size(); ++i) {
    EXPECT_EQ(read.dataset.interactions[i].rating, source.dataset.interactions[i].rating);
    EXPECT_EQ(read.dataset.interactions[i].timestamp, source.dataset.interactions[i].timestamp);
    EXPECT_EQ(read.dataset.interactions[i].item, source.dataset.interactions[i].item);
  }
  EXPECT_EQ(notice(read.dataset, "something \"quoted\""), 3);
  EXPECT_TRUE(read.parts.empty());
  EXPECT_EQ(read.dataset.source_hash.size(), 64U);
}

TEST(Folder, KeepsPartsAndTheLackOfTimestamps) {
  TemporaryDirectory directory;
  auto source = awkward();
  source.dataset.has_timestamps = false;
  for (auto& interaction : source.dataset.interactions) interaction.timestamp = 0;
  source.parts.assign(source.dataset.interactions.size(), Part::kTrain);
  source.parts[3] = Part::kValidation;
  source.parts[5] = Part::kTest;
  write_folder(source, directory / "set", Overwrite::kNo);
  const auto read = read_folder(directory / "set");
  EXPECT_FALSE(read.dataset.has_timestamps);
  EXPECT_EQ(read.parts, source.parts);
  const auto split = load((directory / "set").string(), {}).split(Task::kRating);
  EXPECT_EQ(split.members(Part::kTest).count(), 1);
}

TEST(Folder, ReadsThePartFromItsOwnColumn) {
  TemporaryDirectory directory;
  auto source = awkward();
  source.parts.assign(source.dataset.interactions.size(), Part::kTest);
  write_folder(source, directory / "set", Overwrite::kNo);
  std::istringstream table(directory.read("set/interactions.tsv"));
  std::string more;
  for (std::string line; std::getline(table, line);) more += line + (more.empty() ? "\tremark\n" : "\ttrain\n");
  directory.write("set/interactions.tsv", more);
  EXPECT_EQ(read_folder(directory / "set").parts, source.parts);
}

TEST(Folder, IsNeverReplacedUnlessItIsADataSetAndThatWasAskedFor) {
  TemporaryDirectory directory;
  write_folder(awkward(), directory / "set", Overwrite::kNo);
  EXPECT_THAT(message_of<UsageError>([&] { write_folder(awkward(), directory / "set", Overwrite::kNo); }),
              HasSubstr("exists already, expected a new folder (or --overwrite"));
  auto other = awkward();
  other.dataset.name = "other";
  write_folder(other, (directory / "set/"), Overwrite::kYes);
  EXPECT_EQ(read_folder(directory / "set").dataset.name, "other");
  directory.write("precious/letter.txt", "dear");
  EXPECT_THAT(message_of<UsageError>([&] { write_folder(awkward(), directory / "precious", Overwrite::kYes); }),
              HasSubstr("exists already"));
  EXPECT_EQ(directory.read("precious/letter.txt"), "dear");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("set", "precious")) << "no temporary folder is left";
}

class DamagedFolder : public ::testing::Test {
 protected:
  DamagedFolder() { write_folder(awkward(), directory_ / "set", Overwrite::kNo); }
  std::string failure(const std::string& file, const std::string& text) {
    const auto good = directory_.read("set/" + file);
    directory_.write("set/" + file, text);
    auto message = message_of([&] { read_folder(directory_ / "set"); });
    directory_.write("set/" + file, good);
    return message;
  }
  nlohmann::json description() { return nlohmann::json::parse(directory_.read("set/dataset.json")); }
  TemporaryDirectory directory_;
};

TEST_F(DamagedFolder, IsRefusedWithTheKeyOfTheDescription) {
  EXPECT_THAT(failure("dataset.json", "{"), HasSubstr("dataset.json:1:2: expected a JSON document"));
  EXPECT_THAT(failure("dataset.json", R"({"version": 1e999})"), HasSubstr("numbers that a double can hold"));
  EXPECT_THAT(failure("dataset.json", "[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(failure("dataset.json", "{}"), HasSubstr("key \"format\" is missing"));
  auto json = description();
  json["version"] = 2;
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("key \"version\": found 2, expected 1"));
  json["version"] = std::uint64_t{18446744073709551615U};
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("key \"version\": expected a whole number"));
  json = description();
  json["synthetic"] = "no";
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("key \"synthetic\": expected true or false"));
  json = description();
  json["rating"].erase("step");
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("key \"step\" is missing"));
  json = description();
  json["rating"]["minimum"] = 9;
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("expected minimum <= maximum"));
  json = description();
  json["interactions"] = 99;
  EXPECT_THAT(failure("dataset.json", json.dump()), HasSubstr("it states 99 interactions, found 15"));
  for (const char* notices : {"3", "[3]", "[{\"what\": 1}]"}) {
    json = description();
    json["notices"] = nlohmann::json::parse(notices);
    (void)failure("dataset.json", json.dump());  // any DataError or none, but no crash
  }
}

TEST_F(DamagedFolder, IsRefusedWithThePlaceInTheTable) {
  const std::string header = "user\titem\trating\ttimestamp\n";
  EXPECT_THAT(failure("interactions.tsv", "user\titem\n"),
              HasSubstr("interactions.tsv:1:1: expected the header's columns user, item, rating, timestamp"));
  EXPECT_THAT(failure("interactions.tsv", header + "a b\titem\\t1\t5\n"),
              HasSubstr("interactions.tsv:2:1: found 3 cells, expected 4"));
  EXPECT_THAT(failure("interactions.tsv", header + "zzz\titem\\t1\t5\t1\n"), HasSubstr("user id \"zzz\" is unknown"));
  EXPECT_THAT(failure("interactions.tsv", header + "a b\tzzz\t5\t1\n"),
              HasSubstr("interactions.tsv:2:5: item id \"zzz\" is unknown"));
  EXPECT_THAT(failure("interactions.tsv", header + "a b\titem\\t1\tnan\t1\n"),
              HasSubstr("the rating is nan, outside of the scale"));
  EXPECT_THAT(failure("interactions.tsv", header + "a b\titem\\t1\t7\t1\n"), HasSubstr("outside of the scale"));
  EXPECT_THAT(failure("interactions.tsv", header + "a b\titem\\t1\t5\t1.5\n"), HasSubstr("the timestamp is \"1.5\""));
  EXPECT_THAT(failure("users.tsv", "user\nx\nx\n"), HasSubstr("users.tsv:3:1: id \"x\" occurs a second time"));
  EXPECT_THAT(failure("users.tsv", "user\tage\n\t3\n"), HasSubstr("the id is empty"));
  EXPECT_THAT(failure("items.tsv", "item\ttitle\nx\ta\\q\n"), HasSubstr("items.tsv:2:4: a backslash stands alone"));
  EXPECT_THAT(failure("items.tsv", "item\ttitle\nx\ta\\"), HasSubstr("a backslash stands alone"));
  EXPECT_THAT(failure("items.tsv", "item\ttitle\nx\t\xFF\n"), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(failure("users.tsv", ""), HasSubstr("the file is empty"));
}

TEST_F(DamagedFolder, IsRefusedWhereATableWasCutOffAnywhere) {
  const auto good = directory_.read("set/interactions.tsv");
  for (std::size_t length = 0; length + 1 < good.size(); ++length) {
    const auto message = failure("interactions.tsv", good.substr(0, length));
    // Only a cut inside the last timestamp leaves a table that looks whole.
    EXPECT_TRUE(length > good.rfind('\t') + 1 || !message.empty()) << "cut at " << length;
  }
}

}  // namespace
}  // namespace llama4rec::data
