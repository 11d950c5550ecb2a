// What concerns the process: errors and exit statuses, logging, signals.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "core/log.h"

namespace llama4rec {
namespace {

TEST(ErrorTest, EachCategoryHasItsExitStatus) {
  EXPECT_EQ(exit_status(UsageError("x").category()), 2);
  EXPECT_EQ(exit_status(DataError("x").category()), 3);
  EXPECT_EQ(exit_status(RemoteError("x").category()), 4);
  EXPECT_EQ(exit_status(InternalError("x").category()), 5);
  EXPECT_EQ(exit_status(InterruptedError("x").category()), 130);
}

TEST(ErrorTest, AnUnknownLineOrColumnIsLeftOut) {
  EXPECT_EQ(to_string(FileLocation{.file = "a.csv", .line = 3, .column = 7}), "a.csv:3:7");
  EXPECT_EQ(to_string(FileLocation{.file = "a.csv", .line = 3}), "a.csv:3");
  EXPECT_EQ(to_string(FileLocation{.file = "a.csv"}), "a.csv");
  EXPECT_STREQ(DataError({.file = "a.csv", .line = 3}, "expected a number").what(), "a.csv:3: expected a number");
}

TEST(LogTest, OnlyMessagesOfTheLevelAreShown) {
  log::configure("warning");
  testing::internal::CaptureStderr();
  log::info("hidden");
  log::warn("shown {}", 5);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::MatchesRegex("[0-9:]+ warning shown 5\n"));
  log::configure("off");
  testing::internal::CaptureStderr();
  log::error("hidden");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  log::configure("info");
}

TEST(LogTest, AnUnknownLevelIsAUsageError) { EXPECT_THROW(log::configure("loud"), UsageError); }

class InterruptTest : public testing::TestWithParam<int> {
 protected:
  InterruptTest() { request_interrupt(false); }
  ~InterruptTest() override { request_interrupt(false); }
};

TEST_P(InterruptTest, TheFirstSignalAsksForAStopAtAResumablePoint) {
  install_interrupt_handlers();
  EXPECT_NO_THROW(throw_if_interrupted("after epoch 3"));
  testing::internal::CaptureStderr();
  (void)raise(GetParam());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("stopping at the next resumable point"));
  EXPECT_TRUE(interrupt_requested());
  try {
    throw_if_interrupted("after epoch 3");
    FAIL();
  } catch (const InterruptedError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("interrupted after epoch 3"));
  }
  for (const int signal : {SIGINT, SIGTERM}) (void)std::signal(signal, SIG_DFL);
}

TEST_P(InterruptTest, TheSecondSignalEndsTheProcessAtOnceWithStatus130) {
  EXPECT_EXIT(
      {
        install_interrupt_handlers();
        (void)raise(GetParam());
        (void)raise(GetParam());
        std::this_thread::sleep_for(std::chrono::seconds(30));
      },
      testing::ExitedWithCode(130), "stopping");
}

TEST(FileSizeLimitTest, AWriteBeyondItIsAnErrorAndNotTheEndOfTheProcess) {
  const auto file = testing::TempDir() + "limited." + std::to_string(getpid());
  const auto write_too_much = [&] {
    const rlimit limit{.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(1);
    try {
      write_file_atomically(file, std::string(5000, 'x'));
    } catch (const InternalError&) {
      _exit(42);
    }
    _exit(0);
  };
  (void)std::signal(SIGXFSZ, SIG_DFL);  // whoever started the tests may have it ignored
  EXPECT_EXIT(write_too_much(), testing::KilledBySignal(SIGXFSZ), "") << "as it is without our doing";
  EXPECT_EXIT(
      {
        survive_file_size_limit();
        write_too_much();
      },
      testing::ExitedWithCode(42), "");
}

INSTANTIATE_TEST_SUITE_P(BothSignals, InterruptTest, testing::Values(SIGINT, SIGTERM));

}  // namespace
}  // namespace llama4rec
