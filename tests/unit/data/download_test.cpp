#include "data/download.h"

#include "core/interrupt.h"
#include "core/random.h"
#include "data_fixtures.h"
#include "http_server.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string random_bytes(std::size_t size) {
  RandomStream random(1, "test.bytes");
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next() & 0xFFU);
  return bytes;
}

Checksum sha256_of(const std::string& bytes) { return {.kind = DigestKind::kSha256, .hexadecimal = sha256(bytes)}; }

class Download : public ::testing::Test {
 protected:
  Download() { server_.content = random_bytes(200'000); }
  DownloadOptions options(const std::string& path = "/file.zip") {
    DownloadOptions options;
    options.url = server_.url(path);
    options.target = directory_ / "got.zip";
    options.connect_timeout_s = 5;
    options.stall_timeout_s = 5;
    return options;
  }
  bool exists(const std::string& name) { return std::filesystem::exists(directory_ / name); }

  FileServer server_;
  TemporaryDirectory directory_;
};

TEST_F(Download, BringsTheWholeFileAndLeavesNothingElse) {
  auto wanted = options();
  wanted.checksum = sha256_of(server_.content);
  const auto result = download(wanted);
  EXPECT_EQ(result.bytes, 200'000);
  EXPECT_EQ(result.resumed, 0);
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
  EXPECT_FALSE(exists("got.zip.part"));
  EXPECT_FALSE(exists("got.zip.part.tag"));
}

TEST_F(Download, ContinuesAfterACutConnection) {
  server_.etag = "\"v1\"";
  server_.cut_after = 60'000;
  server_.cuts_left = 1;
  const auto result = download(options());
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
  EXPECT_EQ(result.connections, 2);
  EXPECT_EQ(result.resumed, 60'000);
  EXPECT_THAT(server_.ranges, ElementsAre("", "bytes=60000-"));
}

TEST_F(Download, GivesUpAfterSomeCutsAndResumesWhenCalledAgain) {
  server_.etag = "\"v1\"";
  server_.cut_after = 10'000;
  server_.cuts_left = 3;
  EXPECT_THAT(message_of<RemoteError>([&] { download(options()); }),
              HasSubstr("the same command resumes the download"));
  EXPECT_EQ(directory_.read("got.zip.part").size(), 30'000U);
  EXPECT_FALSE(exists("got.zip"));
  const auto result = download(options());
  EXPECT_EQ(result.resumed, 30'000);
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST_F(Download, AsksAgainWhereTheServerSendsLessThanTheRest) {
  directory_.write("got.zip.part", server_.content.substr(0, 60'000));
  directory_.write("got.zip.part.tag", "\"v1\"");
  server_.etag = "\"v1\"";
  server_.longest_range = 50'000;
  EXPECT_EQ(download(options()).connections, 3);
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST_F(Download, DoesNotTakeAnAnswerThatIsTooShortForTheWhole) {
  directory_.write("got.zip.part", server_.content.substr(0, 60'000));
  directory_.write("got.zip.part.tag", "\"v1\"");
  server_.etag = "\"v1\"";
  server_.longest_range = 10'000;
  EXPECT_THAT(message_of<RemoteError>([&] { download(options()); }),
              HasSubstr("the answer ended after 90,000 of 200,000 bytes; the same command resumes the download"));
  EXPECT_FALSE(exists("got.zip"));
  EXPECT_EQ(directory_.read("got.zip.part").size(), 90'000U);
}

TEST_F(Download, DoesNotTakeAnOldPartForAnEmptyAnswer) {
  directory_.write("got.zip.part", std::string(60'000, 'x'));
  directory_.write("got.zip.part.tag", "\"old\"");
  server_.etag = "\"new\"";
  server_.empty_answers = 1;
  EXPECT_THAT(message_of<RemoteError>([&] { download(options()); }), HasSubstr("the server sent an empty file"));
  EXPECT_FALSE(exists("got.zip"));
}

TEST_F(Download, StartsOverWhereTheServerIgnoresRanges) {
  server_.etag = "\"v1\"";
  server_.honours_ranges = false;
  server_.cut_after = 60'000;
  server_.cuts_left = 1;
  const auto result = download(options());
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
  EXPECT_EQ(result.resumed, 0);
}

TEST_F(Download, StartsOverWhereTheFileChangedInBetween) {
  directory_.write("got.zip.part", std::string(60'000, 'x'));
  directory_.write("got.zip.part.tag", "\"old\"");
  server_.etag = "\"new\"";
  download(options());
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST_F(Download, NeverLeavesOldBytesUnderANewTag) {
  // The longest name with which the tag can be read, but not written: the temporary name beside it is longer.
  const std::string name(246, 'n');
  directory_.write(name + ".part", std::string(60'000, 'x'));
  directory_.write(name + ".part.tag", "\"old\"");
  server_.etag = "\"new\"";
  auto wanted = options();
  wanted.target = directory_ / name;
  EXPECT_THAT(message_of<InternalError>([&] { download(wanted); }), HasSubstr("cannot be written"));
  EXPECT_EQ(directory_.read(name + ".part"), "") << "the old bytes go before the tag is touched";
}

TEST_F(Download, DoesNotTrustAPartThatNothingVouchesFor) {
  directory_.write("got.zip.part", std::string(60'000, 'x'));
  download(options());
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
  EXPECT_THAT(server_.ranges, ElementsAre("")) << "no tag, no checksum: from the start";
}

TEST_F(Download, TakesAPartThatIsCompleteAlready) {
  directory_.write("got.zip.part", server_.content);
  auto wanted = options();
  wanted.checksum = sha256_of(server_.content);
  EXPECT_EQ(download(wanted).resumed, 200'000);
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST_F(Download, ThrowsAwayAPartThatIsLongerThanTheFile) {
  directory_.write("got.zip.part", server_.content + "more");
  auto wanted = options();
  wanted.checksum = sha256_of(server_.content);
  EXPECT_EQ(download(wanted).resumed, 0);
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST_F(Download, RefusesAWrongChecksumAndRemovesThePart) {
  auto wanted = options();
  wanted.checksum = sha256_of("something else");
  EXPECT_THAT(message_of<RemoteError>([&] { download(wanted); }),
              HasSubstr("the checksum does not match, found " + sha256(server_.content) + ", expected "));
  EXPECT_FALSE(exists("got.zip"));
  EXPECT_FALSE(exists("got.zip.part"));
}

TEST_F(Download, NamesTheStatusOfAnErrorAndKeepsNoErrorPage) {
  EXPECT_THAT(message_of<RemoteError>([&] { download(options("/nothing")); }), HasSubstr("status 404, expected 200"));
  EXPECT_THAT(message_of<RemoteError>([&] { download(options("/broken")); }), HasSubstr("status 500"));
  EXPECT_FALSE(exists("got.zip.part"));
}

TEST_F(Download, FollowsRedirectsButNotForEverAndNotToFiles) {
  EXPECT_EQ(download(options("/moved")).bytes, 200'000);
  EXPECT_THAT(message_of<RemoteError>([&] { download(options("/loop")); }), HasSubstr("redirects"));
  EXPECT_FALSE(message_of<RemoteError>([&] { download(options("/to-file")); }).empty());
}

TEST_F(Download, RefusesWhatIsNoWebAddress) {
  auto wanted = options();
  for (const char* url : {"file:///etc/passwd", "ftp://x/y", "", "example.org/x.zip"}) {
    wanted.url = url;
    EXPECT_THAT(message_of<UsageError>([&] { download(wanted); }),
                HasSubstr("expected an address that begins with https://"));
  }
}

TEST_F(Download, StopsAtTheSizeLimit) {
  auto wanted = options();
  wanted.maximum_bytes = 50'000;
  EXPECT_THAT(message_of<RemoteError>([&] { download(wanted); }), HasSubstr("larger than 50,000 bytes"));
}

TEST_F(Download, TellsAFullDiskFromAServerThatFails) {
  std::filesystem::create_symlink("/dev/full", directory_ / "got.zip.part");
  EXPECT_THAT(message_of<InternalError>([&] { download(options()); }), HasSubstr("got.zip.part (disk full?)"));
}

TEST_F(Download, SaysWhenNobodyAnswers) {
  auto wanted = options();
  wanted.url = "http://127.0.0.1:1/file.zip";
  EXPECT_THAT(message_of<RemoteError>([&] { download(wanted); }), HasSubstr("http://127.0.0.1:1/file.zip: "));
}

TEST_F(Download, StopsAtASignalAndResumesLater) {
  server_.etag = "\"v1\"";
  request_interrupt(true);
  EXPECT_THAT(message_of<InterruptedError>([&] { download(options()); }), HasSubstr("the same command resumes it"));
  request_interrupt(false);
  download(options());
  EXPECT_TRUE(directory_.read("got.zip") == server_.content);
}

TEST(ChecksumText, IsParsedStrictly) {
  EXPECT_EQ(parse_checksum("md5:0E33842E24A9C977BE4E0107933C0723").hexadecimal, "0e33842e24a9c977be4e0107933c0723");
  for (const char* text : {"", "md5", "md5:", "md5:zz", "sha1:0e33842e24a9c977be4e0107933c0723",
                           "md5:0e33842e24a9c977be4e0107933c072", "sha256:0e33842e24a9c977be4e0107933c0723"}) {
    EXPECT_THAT(message_of<UsageError>([&] { parse_checksum(text); }), HasSubstr("--checksum")) << text;
  }
}

}  // namespace
}  // namespace llama4rec::data
