#include "core/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/progress_line.h"

namespace llama4rec {
namespace {

TEST(ProgressLineTest, ALineShowsPercentBarRateTimeLeftAndNote) {
  EXPECT_EQ(progress_line(
                {.label = "fit", .unit = "epochs", .note = "loss 0.5", .done = 50, .total = 200, .seconds = 100}, 200),
            "fit  25% [#####...............] 50/200, 0.50 epochs/s, 5m00s left, loss 0.5");
  EXPECT_EQ(
      progress_line({.label = "ask", .unit = "prompts", .note = "", .done = 30000, .total = 30000, .seconds = 10}, 200),
      "ask 100% [####################] 30,000/30,000, 3,000 prompts/s");
}

TEST(ProgressLineTest, AnUnknownTotalShowsCountAndRate) {
  EXPECT_EQ(progress_line({.label = "read", .unit = "lines", .note = "", .done = 1500, .total = 0, .seconds = 60}, 200),
            "read 1,500, 25 lines/s");
}

TEST(ProgressLineTest, NothingDoneAndMoreDoneThanExpectedAreShownToo) {
  EXPECT_EQ(progress_line({.label = "x", .unit = "u", .note = "", .done = 0, .total = 5, .seconds = 3}, 200),
            "x   0% [....................] 0/5");
  EXPECT_THAT(progress_line({.label = "x", .unit = "u", .note = "", .done = 9, .total = 5, .seconds = 3}, 200),
              testing::StartsWith("x 100% [####################] 9/5"));
}

TEST(ProgressLineTest, ALineIsCutAtTheWidthBetweenCharacters) {
  EXPECT_EQ(progress_line(
                {.label = "\xC3\xA9\xC3\xA9\xC3\xA9", .unit = "", .note = "", .done = 0, .total = 0, .seconds = 0}, 2),
            "\xC3\xA9\xC3\xA9");
}

TEST(ProgressLineTest, DurationsAreShort) {
  EXPECT_EQ(short_duration(0), "0s");
  EXPECT_EQ(short_duration(59.6), "1m00s");
  EXPECT_EQ(short_duration(185), "3m05s");
  EXPECT_EQ(short_duration(7620), "2h07m");
}

TEST(ProgressTest, NothingIsWrittenWhereStderrIsNoTerminal) {
  testing::internal::CaptureStderr();
  {
    Progress progress("fit", 10, "epochs");
    for (int i = 0; i < 10; ++i) progress.advance();
    progress.note("loss");
    EXPECT_GE(progress.seconds(), 0);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace llama4rec
