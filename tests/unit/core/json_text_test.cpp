#include "core/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

namespace llama4rec {
namespace {

std::string failure(const std::string& text) {
  try {
    parse_json(text, "a.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(JsonTextTest, ReadsADocumentAndKeepsTheOrderOfKeysWhereAsked) {
  EXPECT_EQ(parse_json(R"({"b": [1, 2.5, "x"], "a": null})", "a.json").dump(), R"({"a":null,"b":[1,2.5,"x"]})");
  EXPECT_EQ(parse_json<nlohmann::ordered_json>(R"({"b": 1, "a": 2})", "a.json").dump(), R"({"b":1,"a":2})");
}

TEST(JsonTextTest, NamesTheLineAndColumnOfWhatIsNoJson) {
  EXPECT_EQ(failure(""), "a.json:1:1: expected a JSON document");
  EXPECT_EQ(failure("{\n  \"a\": x}"), "a.json:2:8: expected a JSON document");
  EXPECT_EQ(failure("[1, 2"), "a.json:1:6: expected a JSON document");
  EXPECT_EQ(failure("[1] [2]"), "a.json:1:5: expected a JSON document");
  EXPECT_EQ(failure("\"\xff\""), "a.json:1:2: expected a JSON document");
}

TEST(JsonTextTest, RefusesNumbersBeyondADouble) {
  EXPECT_EQ(failure("[1e999]"), "a.json: expected a JSON document with numbers that a double can hold");
  EXPECT_EQ(parse_json("[1e308]", "a.json")[0], 1e308);
}

}  // namespace
}  // namespace llama4rec
