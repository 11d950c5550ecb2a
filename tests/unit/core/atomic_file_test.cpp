#include "core/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama4rec/error.h>

namespace llama4rec {
namespace {

class AtomicFileTest : public testing::Test {
 protected:
  AtomicFileTest() : folder_(testing::TempDir() + "atomic_file." + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~AtomicFileTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::filesystem::path folder_;
};

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(AtomicFileTest, WhatWasWrittenIsReadBack) {
  const std::string bytes("a\0b\r\n\xFF", 6);
  write_file_atomically(folder_ / "x", bytes);
  EXPECT_EQ(read_file(folder_ / "x"), bytes);
  write_file_atomically(folder_ / "x", "");
  EXPECT_EQ(read_file(folder_ / "x"), "");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, PiecesBeyondTheBufferArriveInOrder) {
  std::string expected;
  AtomicFile file(folder_ / "x");
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<std::size_t>(i * 7 % 1000), static_cast<char>('a' + i % 26));
    file.write(piece);
    expected += piece;
  }
  const std::string large(1 << 20, 'z');
  file.write(large);
  file.commit();
  EXPECT_EQ(read_file(folder_ / "x"), expected + large);
}

TEST_F(AtomicFileTest, TheOldFileStaysUntilTheCommit) {
  write_file_atomically(folder_ / "x", "old");
  AtomicFile file(folder_ / "x");
  file.write(std::string(1 << 20, 'n'));
  EXPECT_EQ(read_file(folder_ / "x"), "old");
  file.commit();
  EXPECT_EQ(read_file(folder_ / "x").size(), std::size_t{1} << 20U);
}

TEST_F(AtomicFileTest, AFileThatIsNotCommittedLeavesNothingBehind) {
  {
    AtomicFile file(folder_ / "x");
    file.write("text");
    EXPECT_EQ(files(), 1U);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(AtomicFileTest, TwoWritersOfOneFileDoNotDisturbEachOther) {
  AtomicFile first(folder_ / "x");
  AtomicFile second(folder_ / "x");
  first.write("first");
  second.write("second");
  second.commit();
  EXPECT_EQ(read_file(folder_ / "x"), "second");
  first.commit();
  EXPECT_EQ(read_file(folder_ / "x"), "first");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, AMissingFolderIsNamed) {
  EXPECT_THAT(message_of([&] { write_file_atomically(folder_ / "no" / "x", "text"); }),
              testing::HasSubstr((folder_ / "no").string() + " does not exist"));
}

TEST_F(AtomicFileTest, AFolderIsNotReplacedByAFile) {
  std::filesystem::create_directory(folder_ / "x");
  EXPECT_THAT(message_of([&] { write_file_atomically(folder_ / "x", "text"); }), testing::HasSubstr("is a folder"));
}

TEST_F(AtomicFileTest, AFullDiskIsAnErrorThatNamesTheFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "this machine has no /dev/full";
  EXPECT_THAT(message_of([] { write_file_atomically("/dev/full", "text"); }),
              testing::AllOf(testing::HasSubstr("/dev/full: cannot be written"), testing::HasSubstr("No space left")));
}

TEST_F(AtomicFileTest, AWriteThatFailsHalfwayKeepsTheOldFileAndRemovesTheTemporaryOne) {
  write_file_atomically(folder_ / "x", "old");
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit{.rlim_cur = 100000, .rlim_max = old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = message_of([&] { write_file_atomically(folder_ / "x", std::string(1 << 20, 'n')); });
  setrlimit(RLIMIT_FSIZE, &old_limit);
  (void)std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, testing::HasSubstr((folder_ / "x").string() + ": cannot be written"));
  EXPECT_EQ(read_file(folder_ / "x"), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, ALinkIsWrittenThroughAndTheModeIsKept) {
  write_file_atomically(folder_ / "x", "old");
  std::filesystem::permissions(folder_ / "x", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::create_symlink("x", folder_ / "link");
  write_file_atomically(folder_ / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "x"), "new");
  EXPECT_EQ(std::filesystem::status(folder_ / "x").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(AtomicFileTest, ANewFileHasTheModeOfTheUmask) {
  const mode_t old_mask = umask(027);
  write_file_atomically(folder_ / "x", "text");
  umask(old_mask);
  struct stat status {};
  ASSERT_EQ(stat((folder_ / "x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(AtomicFileTest, WritingOrCommittingAfterTheCommitIsAnError) {
  AtomicFile file(folder_ / "x");
  file.commit();
  EXPECT_THROW(file.write("text"), InternalError);
  EXPECT_THROW(file.commit(), InternalError);
}

TEST_F(AtomicFileTest, ReadingAMissingFileOrAFolderIsADataError) {
  EXPECT_THROW((void)read_file(folder_ / "no"), DataError);
  EXPECT_THAT(message_of([&] { (void)read_file(folder_ / "no"); }),
              testing::HasSubstr((folder_ / "no").string() + ": cannot be opened: No such file"));
  EXPECT_THROW((void)read_file(folder_), DataError);
}

}  // namespace
}  // namespace llama4rec
