// What a document may not be: every complaint names the place.
#include "report/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "report/report.h"

namespace llama4rec::report {
namespace {

using nlohmann::json;

json table() {
  return {{"type", "table"},
          {"caption", "c"},
          {"columns", {{{"title", "a"}}, {{"title", "b"}}}},
          {"rows", json::parse(R"([["1", "2"]])")}};
}

json plot() {
  return json::parse(R"({"type":"plot","kind":"line","caption":"c","x_title":"x","y_title":"y",
                         "series":[{"name":"n","x":[1,2],"y":[1,2]}]})");
}

json with_block(const json& block) {
  const json text = {{"type", "text"}, {"text", "t"}};
  return {{"title", "t"},
          {"sections", {{{"title", "s"}, {"blocks", json::array()}}, {{"title", "s"}, {"blocks", {text, block}}}}}};
}

std::string complaint(const json& document) {
  try {
    render(document);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "none";
}

/// The complaint about a block that stands at sections[1].blocks[1].
std::string block_complaint(const json& block) {
  const std::string prefix = "report document: sections[1].blocks[1]";
  const auto message = complaint(with_block(block));
  return message.starts_with(prefix) ? message.substr(prefix.size()) : "elsewhere: " + message;
}

TEST(Document, MustBeAnObjectWithTitleAndSections) {
  EXPECT_EQ(complaint(json::array()), "report document: top level: expected an object, found a list");
  EXPECT_EQ(complaint({{"sections", json::array()}}),
            "report document: top level: expected the field \"title\", found none");
  EXPECT_EQ(complaint({{"title", "t"}}), "report document: top level: expected the field \"sections\", found none");
  EXPECT_EQ(complaint({{"title", 5}, {"sections", json::array()}}),
            "report document: title: expected a text, found a number");
  EXPECT_EQ(complaint({{"title", "t"}, {"sections", json::array()}}), "none");
}

TEST(Document, MustNotHaveFieldsThatNobodyReads) {
  EXPECT_EQ(complaint({{"title", "t"}, {"sections", json::array()}, {"subtitel", "x"}}),
            "report document: top level: expected only \"title\", \"sections\", \"subtitle\", \"badges\", found the "
            "field \"subtitel\"");
  auto block = table();
  block["note"] = "x";
  EXPECT_EQ(block_complaint(block),
            ": expected only \"type\", \"caption\", \"columns\", \"rows\", \"highlight_rows\", \"notes\", found the "
            "field \"note\"");
}

TEST(Document, MustNotHaveBlocksOfAnUnknownType) {
  EXPECT_EQ(
      block_complaint({{"type", "tabel"}}),
      ".type: expected one of \"table\", \"plot\", \"examples\", \"key_values\", \"text\", \"code\", found \"tabel\"");
  EXPECT_EQ(block_complaint({{"text", "t"}}), ": expected the field \"type\", found none");
  EXPECT_EQ(block_complaint("text"), ": expected an object, found a text");
}

TEST(Document, MustHaveBadgesOfAKnownKind) {
  json document = {{"title", "t"}, {"badges", {{{"text", "x"}, {"kind", "loud"}}}}, {"sections", json::array()}};
  EXPECT_EQ(
      complaint(document),
      "report document: badges[0].kind: expected one of \"info\", \"warning\", \"success\", \"error\", found \"loud\"");
}

TEST(Document, MustHaveRowsAsWideAsTheTable) {
  auto block = table();
  block["rows"].push_back({"1"});
  EXPECT_EQ(block_complaint(block), ".rows[1]: expected 2 cells, one for each column, found 1");
  block["rows"][1] = json::parse(R"(["1", {"a": 1}])");
  EXPECT_EQ(block_complaint(block), ".rows[1][1]: expected the field \"text\", found none");
  block["rows"][1] = json::parse(R"(["1", {"text": "a", "link": "//elsewhere"}])");
  EXPECT_EQ(block_complaint(block), ".rows[1][1].link: expected a relative path, found an absolute one");
  block["rows"][1] = json::parse(R"(["1", {"text": "a", "link": ""}])");
  EXPECT_EQ(block_complaint(block), ".rows[1][1].link: expected a relative path, found none");
  block["rows"] = "x";
  EXPECT_EQ(block_complaint(block), ".rows: expected a list, found a text");
}

TEST(Document, MustHaveColumns) {
  auto block = table();
  block["columns"] = json::array();
  EXPECT_EQ(block_complaint(block), ".columns: expected at least one column, found none");
  block["columns"] = {{{"title", "a"}, {"align", "justify"}}};
  EXPECT_EQ(block_complaint(block),
            ".columns[0].align: expected one of \"left\", \"right\", \"center\", found \"justify\"");
}

TEST(Document, MustHighlightRowsThatExist) {
  for (const auto& index : {json(1), json(-1), json(18446744073709551615U)}) {
    auto block = table();
    block["highlight_rows"] = json::array({0, index});
    EXPECT_EQ(block_complaint(block), ".highlight_rows[1]: expected a row's number below 1, found " + index.dump());
  }
  auto block = table();
  block["highlight_rows"] = {0.5};
  EXPECT_EQ(block_complaint(block), ".highlight_rows[0]: expected a row's number, from 0, found a number");
}

TEST(Document, MustHaveOneYForEachX) {
  auto block = plot();
  block["series"][0]["y"].push_back(3);
  EXPECT_EQ(block_complaint(block), ".series[0].y: expected 2 values, one for each x, found 3");
}

TEST(Document, MustHavePlotsOfAKnownKindWithSeries) {
  auto block = plot();
  block["kind"] = "pie";
  EXPECT_EQ(block_complaint(block),
            ".kind: expected one of \"line\", \"bar\", \"scatter\", \"histogram\", found \"pie\"");
  block = plot();
  block["series"] = json::array();
  EXPECT_EQ(block_complaint(block), ".series: expected at least one series, found none");
  block = plot();
  block.erase("y_title");
  EXPECT_EQ(block_complaint(block), ": expected the field \"y_title\", found none");
}

TEST(Document, MustHaveNumbersWherePlotsNeedThem) {
  auto block = plot();
  block["series"][0]["y"][1] = "2";
  EXPECT_EQ(block_complaint(block), ".series[0].y[1]: expected a number or null, found a text");
  block = plot();
  block["kind"] = "scatter";
  block["series"][0]["x"][0] = "1";
  EXPECT_EQ(block_complaint(block), ".series[0].x[0]: expected a number or null, found a text");
  block = plot();
  block["kind"] = "bar";
  block["series"][0]["x"][0] = nullptr;
  EXPECT_EQ(block_complaint(block), ".series[0].x[0]: expected a text or a number, found null");
}

TEST(Document, MustHaveExampleFieldsThatAreEitherTextOrList) {
  json field = {{"name", "n"}};
  const auto block = [&] {
    return json{{"type", "examples"}, {"caption", "c"}, {"items", {{{"title", "t"}, {"fields", {field}}}}}};
  };
  EXPECT_EQ(block_complaint(block()), ".items[0].fields[0]: expected either \"text\" or \"list\", found none");
  field["text"] = "t";
  EXPECT_EQ(complaint(with_block(block())), "none");
  field["list"] = {"a"};
  EXPECT_EQ(block_complaint(block()), ".items[0].fields[0]: expected either \"text\" or \"list\", found both");
}

TEST(Document, MustHavePairsInKeyValueLists) {
  const json block = {{"type", "key_values"}, {"caption", "c"}, {"items", json::parse(R"([["a","b"],["a"]])")}};
  EXPECT_EQ(block_complaint(block), ".items[1]: expected a key and a value, found 1 elements");
}

TEST(Document, ComplaintsAreOneShortLineWhateverTheDocumentHolds) {
  const auto message = block_complaint({{"type", "a\nb\xFF" + std::string(1000, 'x')}});
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 250U);
}

}  // namespace
}  // namespace llama4rec::report
