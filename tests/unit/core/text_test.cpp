#include "core/text.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llama4rec::text {
namespace {

using ::testing::ElementsAre;

TEST(TextTest, SplitKeepsEmptyPartsAndKnowsLongSeparators) {
  EXPECT_THAT(split("a||b", "|"), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("1::2::::3", "::"), ElementsAre("1", "2", "", "3"));
  EXPECT_THAT(split(":::", "::"), ElementsAre("", ":"));
  EXPECT_THAT(split("", "|"), ElementsAre(""));
  EXPECT_THAT(split("|", "|"), ElementsAre("", ""));
  EXPECT_THAT(split("abc", ""), ElementsAre("abc"));
}

TEST(TextTest, TrimTakesSpacesTabsAndLineEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim("\xC2\xA0x"), "\xC2\xA0x");
}

TEST(TextTest, JoinAndLower) {
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(lower("AbZ\xC3\x89"), "abz\xC3\x89");
}

TEST(TextTest, EditDistanceCountsInsertionsDeletionsAndSubstitutions) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("flaw", "lawn"), 2U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
  EXPECT_EQ(edit_distance("ab", "ba"), 2U);
}

TEST(TextTest, Latin1BecomesUtf8) { EXPECT_EQ(latin1_to_utf8("Caf\xE9 \x80\xFF"), "Caf\xC3\xA9 \xC2\x80\xC3\xBF"); }

TEST(TextTest, WellFormedUtf8IsLeftAsItIs) {
  for (const std::string text : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF",
                                 "\xF4\x8F\xBF\xBF", "\xEF\xBF\xBD"}) {
    EXPECT_TRUE(is_valid_utf8(text));
    EXPECT_EQ(to_valid_utf8(text), text);
  }
}

TEST(TextTest, EachIllFormedByteBecomesAReplacementCharacter) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(to_valid_utf8("a\xFF"
                          "b"),
            "a" + mark + "b");
  EXPECT_EQ(to_valid_utf8("\xC3"), mark);
  EXPECT_EQ(to_valid_utf8("\xC0\xAF"), mark + mark);                        // overlong
  EXPECT_EQ(to_valid_utf8("\xE0\x80\x80"), mark + mark + mark);             // overlong
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), mark + mark + mark);             // surrogate
  EXPECT_EQ(to_valid_utf8("\xF4\x90\x80\x80"), mark + mark + mark + mark);  // above U+10FFFF
  EXPECT_EQ(to_valid_utf8("\xE2\x82"
                          "x"),
            mark + mark + "x");  // cut short
  EXPECT_EQ(to_valid_utf8("\xF0\x9F\x98"), mark + mark + mark);
  EXPECT_FALSE(is_valid_utf8("abc\x80"));
  EXPECT_FALSE(is_valid_utf8("\xF5\x80\x80\x80"));
}

TEST(TextTest, HtmlIsEscapedInTextAndInAttributes) {
  EXPECT_EQ(escape_html("<a href='x' id=\"y\">&amp;</a>"),
            "&lt;a href=&#39;x&#39; id=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt;");
}

TEST(TextTest, ThousandsAreSetApart) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(12345678), "12,345,678");
  EXPECT_EQ(with_thousands(-123456), "-123,456");
  EXPECT_EQ(with_thousands(std::numeric_limits<long long>::min()), "-9,223,372,036,854,775,808");
}

}  // namespace
}  // namespace llama4rec::text
