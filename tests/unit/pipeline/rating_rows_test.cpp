#include "pipeline/rating_rows.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::ElementsAre;

/// Three users with five ratings each, so every weight is max(a1, a2).
class RatingRows : public ::testing::Test {
 protected:
  RatingRows() { make({}); }

  void make(std::vector<std::string> assignments) {
    std::vector<std::vector<std::pair<ItemIndex, float>>> ratings(3);
    for (auto& user : ratings) {
      for (ItemIndex item = 0; item < 5; ++item) user.push_back({item, 3.0F});
    }
    assignments.emplace_back("run.backbone=als");
    setup_ = testing::tiny_setup(llama4rec::testing::tiny_dataset(ratings, 6), assignments);
  }

  static PhaseRatings phase(const std::vector<double>& truth, const std::vector<double>& conventional,
                            const std::vector<double>& model) {
    PhaseRatings result{.users = {0, 1, 2}, .items = {0, 1, 5}, .known = {true, true, false}};
    result.ratings = truth;
    result.conventional = conventional;
    result.language_model["expected"] = model;
    result.language_model["likeliest"] = {1, 1, 1};
    result.controls["recency correction"] = truth;
    return result;
  }

  /// At validation the truth lies at 0.3 of the way from the language model to the backbone.
  static RatingSeedOutcome outcome() {
    RatingSeedOutcome result;
    for (BackboneRatings* it : {&result.base, &result.refit, &result.base_augmented}) {
      it->validation = phase({2.6, 3.3, 4.3}, {4, 4, 5}, {2, 3, 4});
      it->test = phase({3, 4, 5}, {4, 4, 5}, {3, 2, 5});
    }
    result.refit_controls["random attributes"] = phase({3, 4, 5}, {4, 5, 5}, {3, 3, 3});
    return result;
  }

  static const SeedRow& row(const RunRows& rows, const std::string& name) {
    for (const SeedRow& it : rows.seeds.at(0).rows) {
      if (it.name == name) return it;
    }
    throw InternalError("no row " + name);
  }

  std::unique_ptr<RunSetup> setup_;
};

TEST_F(RatingRows, MeasureEachPredictionOnTheTestRatings) {
  const RunRows rows = make_rating_rows(*setup_, {outcome()});
  EXPECT_THAT(row(rows, "base").test.at("squared_error"), ElementsAre(1, 0, 0));
  EXPECT_THAT(row(rows, "ift").test.at("squared_error"), ElementsAre(0, 4, 0));
  EXPECT_EQ(row(rows, "ift").method, "expected") << "better on validation than always 1";
  EXPECT_THAT(row(rows, "refit: random attributes").test.at("absolute_error"), ElementsAre(1, 1, 0));
  EXPECT_THAT(row(rows, "alone: recency correction").test.at("squared_error"), ElementsAre(0, 0, 0));
}

TEST_F(RatingRows, TheWeightHasTheLowestErrorOnValidationWhateverTheTestSays) {
  const RunRows rows = make_rating_rows(*setup_, {outcome()});
  EXPECT_EQ(rows.choice.metric, "RMSE");
  const SeedRow& method = row(rows, "llama4rec");
  EXPECT_DOUBLE_EQ(std::max(method.a1, method.a2), 0.3);
  EXPECT_NEAR(method.validation, 0, 1e-6);
  // 0.3 * 4 + 0.7 * 3 = 3.3; 0.3 * 4 + 0.7 * 2 = 2.6.
  EXPECT_THAT(
      rows.seeds[0].llama4rec_ratings,
      ElementsAre(::testing::DoubleNear(3.3, 1e-9), ::testing::DoubleNear(2.6, 1e-9), ::testing::DoubleNear(5, 1e-9)));
  EXPECT_NEAR(method.test.at("squared_error")[1], 1.96, 1e-6);
  EXPECT_DOUBLE_EQ(row(rows, "best constant").weight, 0.3);
  EXPECT_DOUBLE_EQ(row(rows, "uniform").weight, 0.5);
}

TEST_F(RatingRows, OnlyWarmItemsCountWhereAskedFor) {
  make({"evaluation.users=warm"});
  const RunRows rows = make_rating_rows(*setup_, {outcome()});
  EXPECT_THAT(rows.seeds[0].users, ElementsAre(0, 1));
  EXPECT_THAT(row(rows, "base").test.at("squared_error"), ElementsAre(1, 0));
  EXPECT_EQ(rows.seeds[0].weights.size(), 2U);
}

TEST_F(RatingRows, NeedASeed) { EXPECT_THROW(make_rating_rows(*setup_, {}), InternalError); }

}  // namespace
}  // namespace llama4rec::pipeline
