#include "prompts/pretraining_text.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

class PretrainingTextTest : public ::testing::Test {
 protected:
  InteractionSet all() const {
    InteractionSet result(dataset_.size());
    for (InteractionIndex i = 0; i < dataset_.size(); ++i) result.insert(i);
    return result;
  }
  PretrainingText text(InteractionSet allowed, PretrainingTextOptions options) const {
    return {dataset_, std::move(allowed), 4, texts_, templates_, options, 5};
  }
  static PretrainingTextOptions likes_only() {
    return {.crop_items = 100, .drop_items = 0, .rating_share = 0, .item_facts = false};
  }
  static std::string joined(const llm::TrainingText& it) { return PromptText{.segments = it.segments}.joined(); }

  Dataset dataset_ = llama4rec::testing::tiny_dataset({{{0, 5}, {1, 2}, {2, 4}, {3, 5}, {4, 4}}, {{4, 5}, {3, 5}}}, 5);
  ItemTexts texts_{dataset_};
  Templates templates_{texts_, "compact"};
};

TEST_F(PretrainingTextTest, LikedItemsBecomeATextInTheirOrder) {
  const auto epoch = text(all(), likes_only()).epoch(0);
  ASSERT_EQ(epoch.size(), 2U);
  EXPECT_EQ(joined(epoch[0]), "liked: Title 0; Title 2; Title 3; Title 4; ");
  EXPECT_EQ(joined(epoch[1]), "liked: Title 4; Title 3; ");
  EXPECT_FALSE(epoch[0].learn[0]);
  EXPECT_TRUE(std::all_of(epoch[0].learn.begin() + 1, epoch[0].learn.end(), [](bool it) { return it; }));
}

TEST_F(PretrainingTextTest, InteractionsThatAreNotAllowedNeverAppear) {
  InteractionSet allowed = all();
  allowed.erase(3);  // user 0, item 3
  allowed.erase(4);  // user 0, item 4
  PretrainingTextOptions options = likes_only();
  options.rating_share = 1;
  const PretrainingText source = text(allowed, options);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto texts = source.epoch(epoch);
    EXPECT_EQ(joined(texts[0]), "liked: Title 0; Title 2; ");
    EXPECT_EQ(joined(texts[1]), "ratings: Title 0: 5; Title 1: 2; Title 2: 4; ");
  }
  EXPECT_EQ(source.provenance().interactions, allowed);
}

TEST_F(PretrainingTextTest, EqualTimestampsAreShuffledAnewEachEpochAndOthersKeepTheirOrder) {
  for (auto& it : dataset_.interactions) it.timestamp = it.item <= 2 ? 1 : 2;
  std::set<std::string> seen;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) seen.insert(joined(text(all(), likes_only()).epoch(epoch)[0]));
  EXPECT_EQ(seen.size(), 4U);  // {0,2} in 2 orders, {3,4} in 2 orders
  for (const auto& it : seen) EXPECT_LT(it.find("Title 2"), it.find("Title 3"));
}

TEST_F(PretrainingTextTest, AShareOfTheHistoriesKeepsTheFilesOrderOfEqualTimestamps) {
  for (auto& it : dataset_.interactions) it.timestamp = 1;
  PretrainingTextOptions options = likes_only();
  const std::string of_file = "liked: Title 0; Title 2; Title 3; Title 4; ";
  const auto kept = [&](double shuffled) {
    options.shuffle_ties = shuffled;
    int count = 0;
    for (std::int64_t epoch = 0; epoch < 200; ++epoch) {
      count += joined(text(all(), options).epoch(epoch)[0]) == of_file ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(kept(0), 200);
  // Half of them keep it, and so does one in 24 of the shuffled ones: 104 of 200 are expected, with a deviation of 7.
  EXPECT_NEAR(kept(0.5), 104, 28);
  EXPECT_LT(kept(1), 40);
}

TEST_F(PretrainingTextTest, LongHistoriesAreCutIntoPiecesThatLoseNothing) {
  PretrainingTextOptions options = likes_only();
  options.crop_items = 2;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
    for (const auto& it : text(all(), options).epoch(epoch)) EXPECT_LE(it.segments.size(), 1U + 2 * 2);
  }
}

TEST_F(PretrainingTextTest, AnEpochIsAFunctionOfItsNumber) {
  PretrainingTextOptions options{.crop_items = 3, .drop_items = 0.5, .rating_share = 0.5, .item_facts = true};
  const PretrainingText source = text(all(), options);
  const auto once = source.epoch(3);
  const auto again = source.epoch(3);
  ASSERT_EQ(once.size(), again.size());
  for (std::size_t n = 0; n < once.size(); ++n) EXPECT_EQ(once[n].segments, again[n].segments);
}

TEST_F(PretrainingTextTest, ItemFactsListTheAttributesThatAreKnown) {
  dataset_.item_attributes.names = {"genres", "director"};
  dataset_.item_attributes.values = {{"Action|Comedy", "", "Drama", "", ""}, {"", "", "A. Nobody", "", ""}};
  PretrainingTextOptions options = likes_only();
  options.item_facts = true;
  const auto epoch = text(all(), options).epoch(0);
  ASSERT_EQ(epoch.size(), 7U);
  EXPECT_EQ(joined(epoch[2]), "movie: Title 0; genres Action, Comedy");
  EXPECT_EQ(joined(epoch[3]), "movie: Title 1");
  EXPECT_EQ(joined(epoch[4]), "movie: Title 2; genres Drama; director A. Nobody");
}

}  // namespace
}  // namespace llama4rec::prompts
