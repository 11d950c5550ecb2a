#include "data/fetch.h"

#include "archive_fixture.h"
#include "data_fixtures.h"
#include "http_server.h"

namespace llama4rec::data {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

class Unpack : public ::testing::Test {
 protected:
  std::string failure(const std::vector<ArchiveItem>& items, ArchiveKind kind = ArchiveKind::kZip,
                      const UnpackLimits& limits = {}) {
    write_archive(directory_ / "a.zip", items, kind);
    const auto message = message_of([&] { unpack(directory_ / "a.zip", directory_ / "out", limits); });
    EXPECT_THAT(names_in(directory_.path()), UnorderedElementsAre("a.zip")) << "something was left behind";
    return message;
  }
  TemporaryDirectory directory_;
};

TEST_F(Unpack, WritesFilesAndFoldersOfZipAndTar) {
  for (const auto kind : {ArchiveKind::kZip, ArchiveKind::kStoredZip, ArchiveKind::kTar}) {
    TemporaryDirectory directory;
    write_archive(directory / "a.zip",
                  {{"x/", "", ""}, {"x/one.txt", "1", ""}, {"./x/y/two.txt", std::string(100'000, 'b'), ""}}, kind);
    unpack(directory / "a.zip", directory / "out");
    EXPECT_EQ(directory.read("out/x/one.txt"), "1");
    EXPECT_EQ(directory.read("out/x/y/two.txt"), std::string(100'000, 'b'));
  }
}

TEST_F(Unpack, RefusesPathsThatLeadOut) {
  EXPECT_THAT(failure({{"fine.txt", "1", ""}, {"../evil.txt", "2", ""}}),
              HasSubstr("\"../evil.txt\" leads out of its folder"));
  EXPECT_THAT(failure({{"a/../../evil.txt", "2", ""}}), HasSubstr("leads out of its folder"));
  EXPECT_THAT(failure({{"/tmp/evil.txt", "2", ""}}), HasSubstr("absolute path"));
  EXPECT_THAT(failure({{"..\\evil.txt", "2", ""}}), HasSubstr("evil.txt\" "))
      << "libarchive may turn the backslash into a slash";
}

TEST_F(Unpack, RefusesLinks) {
  EXPECT_THAT(failure({{"link", "", "/etc"}, {"link/evil.txt", "2", ""}}, ArchiveKind::kTar),
              HasSubstr("neither a file nor a folder"));
  EXPECT_THAT(failure({{"link", "", "/etc"}}), HasSubstr("neither a file nor a folder"));
}

TEST_F(Unpack, RefusesBombsByWhatComesOutNotByWhatIsStated) {
  const UnpackLimits limits{.entries = 10, .total_bytes = 1'000'000};
  EXPECT_THAT(
      failure({{"a", std::string(600'000, '0'), ""}, {"b", std::string(600'000, '0'), ""}}, ArchiveKind::kZip, limits),
      HasSubstr("unpacks to more than 1,000,000 bytes"));
  EXPECT_LT(std::filesystem::file_size(directory_ / "a.zip"), 10'000U) << "it was a bomb";
  EXPECT_THAT(failure(std::vector<ArchiveItem>(11, {"d/", "", ""}), ArchiveKind::kZip, limits),
              HasSubstr("holds more than 10 entries"));
}

TEST_F(Unpack, RefusesRepeatedEntriesAndDamagedOrEmptyArchives) {
  EXPECT_THAT(failure({{"a", "1", ""}, {"./a", "2", ""}}), HasSubstr("holds \"a\" twice"));
  directory_.write("a.zip", "this is no archive at all");
  EXPECT_THAT(message_of([&] { unpack(directory_ / "a.zip", directory_ / "out"); }),
              HasSubstr("damaged or no zip or tar file"));
  directory_.write("a.zip", "");
  EXPECT_FALSE(message_of([&] { unpack(directory_ / "a.zip", directory_ / "out"); }).empty());
}

TEST_F(Unpack, RefusesWhatNoFolderCanHold) {
  EXPECT_THAT(failure({{"d/a", "1", ""}, {"d", "2", ""}}), HasSubstr("\"d\", which cannot be created"));
  EXPECT_THAT(failure({{"d", "1", ""}, {"d/a", "2", ""}}), HasSubstr("\"d/a\", which cannot be created"));
  EXPECT_THAT(failure({{std::string(300, 'n'), "1", ""}}), HasSubstr("which cannot be created"));
}

TEST_F(Unpack, SaysInOneLineThatASizeIsWrong) {
  write_archive(directory_ / "a.zip", {{"a.txt", std::string(1000, 'x'), ""}});
  auto bytes = directory_.read("a.zip");
  // The stated size lies in the central directory (and behind the data); libarchive's own message ends its line.
  for (std::size_t at = 0; at + 4 <= bytes.size(); ++at) {
    if (bytes.compare(at, 4, std::string("\xE8\x03\0\0", 4)) == 0) bytes[at] = '\xE9';
  }
  directory_.write("a.zip", bytes);
  const auto message = message_of([&] { unpack(directory_ / "a.zip", directory_ / "out"); });
  EXPECT_THAT(message, HasSubstr("wrong size"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(Unpack, RefusesAnArchiveThatWasCutOffAnywhere) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i * 7919);
  write_archive(directory_ / "whole.zip", {{"a.txt", text, ""}});
  const auto whole = directory_.read("whole.zip");
  for (std::size_t length = 0; length < whole.size() - 200; length += 97) {
    directory_.write("a.zip", whole.substr(0, length));
    EXPECT_FALSE(message_of([&] { unpack(directory_ / "a.zip", directory_ / "out"); }).empty()) << "cut at " << length;
    EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
  }
}

TEST_F(Unpack, RefusesAnArchiveOfWhichAByteChanged) {
  write_archive(directory_ / "a.zip", {{"a.txt", "one two three", ""}}, ArchiveKind::kStoredZip);
  auto bytes = directory_.read("a.zip");
  const auto place = bytes.find("two");
  ASSERT_NE(place, std::string::npos) << "the text is stored as it is";
  bytes[place] = 'T';
  directory_.write("a.zip", bytes);
  EXPECT_THAT(message_of([&] { unpack(directory_ / "a.zip", directory_ / "out"); }), HasSubstr("bad CRC"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

class Fetch : public ::testing::Test {
 protected:
  Fetch() {
    write_archive(directory_ / "made.zip", {{"ml-1m/", "", ""},
                                            {"ml-1m/ratings.dat", "1::1::5::978300760\n", ""},
                                            {"ml-1m/movies.dat", "1::Fake (1995)::Drama\n", ""},
                                            {"ml-1m/users.dat", "1::F::1::10::48067\n", ""}});
    server_.content = directory_.read("made.zip");
  }
  FetchOptions options(const std::string& checksum) {
    FetchOptions options;
    options.name = "ml-1m";
    options.url = server_.url();
    options.checksum = checksum;
    options.directory = directory_ / "data";
    return options;
  }
  FileServer server_;
  TemporaryDirectory directory_;
};

TEST_F(Fetch, DownloadsVerifiesAndUnpacksADataSetThatThenLoads) {
  const auto result = fetch(options("sha256:" + sha256(server_.content)));
  EXPECT_TRUE(result.verified);
  EXPECT_EQ(result.sha256, sha256(server_.content));
  EXPECT_THAT(names_in(directory_ / "data"), UnorderedElementsAre("ml-1m"));
  DataOptions data;
  data.directory = (directory_ / "data").string();
  EXPECT_EQ(load("ml-1m", data).dataset.size(), 1);

  const auto again = fetch(options(""));
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(server_.requests, 1) << "what is there is not fetched again";
}

TEST_F(Fetch, ChecksAnotherAddressAgainstTheKnownChecksumToo) {
  EXPECT_THAT(message_of<RemoteError>([&] { fetch(options("")); }),
              HasSubstr("expected c4d9eecfca2ab87c1945afe126590906"));
  EXPECT_TRUE(names_in(directory_ / "data").empty());
  EXPECT_FALSE(fetch(options("none")).verified);
}

TEST_F(Fetch, LeavesNothingOfAnArchiveThatIsRefused) {
  write_archive(directory_ / "bad.zip", {{"ml-1m/ratings.dat", "x", ""}, {"../evil", "x", ""}});
  server_.content = directory_.read("bad.zip");
  EXPECT_THAT(message_of([&] { fetch(options("none")); }), HasSubstr("leads out of its folder"));
  EXPECT_TRUE(names_in(directory_ / "data").empty());
  write_archive(directory_ / "bad.zip", {{"other.txt", "x", ""}});
  server_.content = directory_.read("bad.zip");
  EXPECT_THAT(message_of([&] { fetch(options("none")); }),
              HasSubstr("holds no ratings.dat, expected the original files"));
  EXPECT_TRUE(names_in(directory_ / "data").empty());
}

TEST_F(Fetch, LeavesNothingWhereTheFolderCannotBeWritten) {
  std::filesystem::create_directories(directory_ / "data");
  std::filesystem::create_directory_symlink("nowhere", directory_ / "data" / "ml-1m");
  EXPECT_THAT(message_of<InternalError>([&] { fetch(options("none")); }), HasSubstr("cannot write to"));
  EXPECT_THAT(names_in(directory_ / "data"), UnorderedElementsAre("ml-1m"));
}

TEST_F(Fetch, SaysThatBookCrossingHasNoHomeAndTakesAnAddress) {
  FetchOptions wanted;
  wanted.name = "book-crossing";
  wanted.directory = directory_ / "data";
  EXPECT_THAT(message_of<UsageError>([&] { fetch(wanted); }), HasSubstr("its old home is gone, give --url"));
  write_archive(directory_ / "bx.zip", {{"BX-Book-Ratings.csv", "x", ""}, {"BX-Books.csv", "x", ""}});
  server_.content = directory_.read("bx.zip");
  wanted.url = server_.url();
  const auto result = fetch(wanted);
  EXPECT_FALSE(result.verified) << "no checksum of it is known, none is invented";
  EXPECT_EQ(directory_.read("data/book-crossing/BX-Books.csv"), "x");
}

TEST_F(Fetch, NamesTheDataSetsThereAre) {
  FetchOptions wanted;
  wanted.name = "netflix";
  EXPECT_THAT(message_of<UsageError>([&] { fetch(wanted); }), HasSubstr("expected ml-100k, ml-1m, book-crossing"));
}

}  // namespace
}  // namespace llama4rec::data
