#include "prompts/fit_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/language_model.h>

namespace llama4rec::prompts {
namespace {

std::int64_t bytes_of(const std::string& text) { return static_cast<std::int64_t>(text.size()); }

llm::TrainingText history(int items) {
  llm::TrainingText text{.segments = {"liked: "}, .learn = {false}, .end = false};
  for (int item = 0; item < items; ++item) {
    text.segments.push_back("Title");
    text.segments.emplace_back("; ");
    text.learn.insert(text.learn.end(), {true, true});
  }
  return text;
}

TEST(CutToFit, ATextThatFitsStaysWhole) {
  // 7 bytes of heading, 7 per item, 2 for begin and end.
  const auto pieces = cut_to_fit(history(3), 30, bytes_of);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].segments, history(3).segments);
  EXPECT_EQ(pieces[0].learn, history(3).learn);
}

TEST(CutToFit, ALongTextIsCutBehindSeparatorsAndLosesNothing) {
  const auto pieces = cut_to_fit(history(5), 29, bytes_of);
  ASSERT_EQ(pieces.size(), 3U);
  std::size_t learned = 0;
  for (const auto& piece : pieces) {
    std::int64_t tokens = 2;
    for (const auto& segment : piece.segments) tokens += bytes_of(segment);
    EXPECT_LE(tokens, 29);
    EXPECT_EQ(piece.segments.front(), "liked: ");
    EXPECT_EQ(piece.segments.back(), "; ");
    learned += piece.segments.size() - 1;
  }
  EXPECT_EQ(learned, 10U);
}

TEST(CutToFit, AnItemLongerThanTheContextIsAPieceOfItsOwn) {
  EXPECT_EQ(cut_to_fit(history(2), 5, bytes_of).size(), 2U);
}

TEST(Remembering, ASegmentIsCountedOnce) {
  int asked = 0;
  const TokenCounter count = remembering([&](const std::string& text) {
    ++asked;
    return bytes_of(text);
  });
  EXPECT_EQ(count("abc") + count("abc") + count("de"), 8);
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace llama4rec::prompts
