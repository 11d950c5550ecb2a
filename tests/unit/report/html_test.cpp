#include "report/html.h"

#include <gtest/gtest.h>

#include <limits>

namespace llama4rec::report {
namespace {

TEST(Escape, TurnsMarkupCharactersIntoEntities) {
  EXPECT_EQ(escape(R"(<b> & "x" 'y')"), "&lt;b&gt; &amp; &quot;x&quot; &#39;y&#39;");
}

TEST(Escape, EscapesWhatAlreadyLooksEscaped) { EXPECT_EQ(escape("&lt;"), "&amp;lt;"); }

TEST(Escape, ShowsIllFormedUtf8AsReplacementCharacters) { EXPECT_EQ(escape("a\xFFz"), "a\xEF\xBF\xBDz"); }

TEST(Escape, ShowsControlCharactersAsReplacementCharacters) {
  EXPECT_EQ(escape(std::string_view("a\0b\x1B\x7F", 5)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Escape, KeepsTabsAndLineFeedsAndMakesOtherLineEndsLineFeeds) {
  EXPECT_EQ(escape("a\tb\nc\r\nd\re"), "a\tb\nc\nd\ne");
}

TEST(JsonForScript, LeavesNoCharacterThatCouldEndTheElement) {
  const nlohmann::json value = {{"</script>", "<!-- & --> \xE2\x80\xA8 \xE2\x80\xA9"}};
  EXPECT_EQ(json_for_script(value), R"({"\u003c/script\u003e":"\u003c!-- \u0026 --\u003e \u2028 \u2029"})");
}

TEST(JsonForScript, ReadsBackAsTheSameValue) {
  const nlohmann::json value = {{"a<b", {1, 2.5, nullptr, "\"\\&\xE2\x80\xA8é\xE2\x80\xA6"}}};
  EXPECT_EQ(nlohmann::json::parse(json_for_script(value)), value);
}

TEST(JsonForScript, WritesNonFiniteNumbersAsNull) {
  EXPECT_EQ(json_for_script({std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}),
            "[null,null]");
}

TEST(JsonForScript, ReplacesIllFormedUtf8) { EXPECT_EQ(json_for_script("a\xFF"), "\"a\xEF\xBF\xBD\""); }

// printf '' | openssl dgst -sha256 -binary | base64
TEST(PolicyHash, IsTheBase64OfTheSha256) {
  EXPECT_EQ(policy_hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(policy_hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
}

}  // namespace
}  // namespace llama4rec::report
