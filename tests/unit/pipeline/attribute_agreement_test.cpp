#include "pipeline/attribute_agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/report.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json agreement() {
  return {{"experiment", "figure8"},
          {"command", "llama4rec experiment figure8"},
          {"judge", "known facts"},
          {"items", 4},
          {"report", "out/figure8.html"},
          {"attributes",
           {{{"dataset", "tiny"},
             {"synthetic", true},
             {"attribute", "mood"},
             {"compared", 4},
             {"agree", 2},
             {"unknown", 1},
             {"wrong", 1},
             {"undecided", 0}},
            {{"dataset", "tiny"},
             {"synthetic", true},
             {"attribute", "star"},
             {"compared", 0},
             {"agree", 0},
             {"unknown", 0},
             {"wrong", 0},
             {"undecided", 0}}}},
          {"disagreements", {{"tiny", "out/tiny-disagreements.csv"}}}};
}

TEST(AttributeAgreement, TheCsvCountsAndThePageShowsShares) {
  EXPECT_EQ(agreement_csv(agreement()),
            "dataset,attribute,compared,agree,unknown,wrong,undecided\n"
            "tiny,\"mood\",4,2,1,1,0\ntiny,\"star\",0,0,0,0,0\n");
  const auto page = agreement_report(agreement());
  EXPECT_EQ(page.at("badges")[0].at("text"), "synthetic data");
  const auto& blocks = page.at("sections")[0].at("blocks");
  EXPECT_EQ(blocks[0].at("series")[0],
            nlohmann::json::parse(R"({"name": "agree", "x": ["mood, tiny", "star, tiny"], "y": [50.0, 0.0]})"));
  EXPECT_EQ(blocks[1].at("rows")[0], nlohmann::json::parse(R"(["tiny", "mood", 4, "50%", "25%", "25%", "0%"])"));
  EXPECT_EQ(blocks[1].at("rows")[1][3], "–") << "nothing was compared";
  EXPECT_THAT(report::render(page), HasSubstr("<a href=\"tiny-disagreements.csv\">tiny-disagreements.csv</a>"));
}

}  // namespace
}  // namespace llama4rec::pipeline
