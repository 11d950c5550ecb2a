#include "prompts/item_texts.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

Dataset with_titles(std::vector<std::string> titles) {
  Dataset dataset = llama4rec::testing::tiny_dataset({}, static_cast<std::int64_t>(titles.size()));
  dataset.item_titles = std::move(titles);
  return dataset;
}

TEST(ItemTexts, RepeatedTitlesAreNumberedInTheOrderOfTheItems) {
  const ItemTexts texts(with_titles({"Alien", "Aliens", "Alien", "Alien"}));
  EXPECT_THAT(texts.titles({0, 1, 2, 3}), ::testing::ElementsAre("Alien", "Aliens", "Alien (2)", "Alien (3)"));
  EXPECT_EQ(texts.changed(), 2);
}

TEST(ItemTexts, ANumberThatIsTakenByAnotherTitleIsSkipped) {
  const ItemTexts texts(with_titles({"Alien", "Alien (2)", "Alien"}));
  EXPECT_THAT(texts.titles({0, 1, 2}), ::testing::ElementsAre("Alien", "Alien (2)", "Alien (3)"));
}

TEST(ItemTexts, EveryTitleIsDistinctAndNotEmptyWhateverTheDataSays) {
  const std::string long_title(5000, 'x');
  const ItemTexts texts(with_titles({"", "  ", "\n\t", "A; B", "</s>", "[INST]", "<b>bold</b>", long_title, long_title,
                                     "Am\xC3\xA9lie", "\xFF\xFE broken"}));
  std::set<std::string> distinct;
  for (ItemIndex item = 0; item < 11; ++item) {
    EXPECT_FALSE(texts.title(item).empty());
    EXPECT_EQ(texts.title(item).find('\n'), std::string::npos);
    EXPECT_LE(texts.title(item).size(), ItemTexts::kLongestTitle + 4);
    distinct.insert(texts.title(item));
  }
  EXPECT_EQ(distinct.size(), 11U);
  EXPECT_EQ(texts.title(0), "untitled movie i0");
  EXPECT_EQ(texts.title(4), "</s>");
  EXPECT_EQ(texts.title(9), "Am\xC3\xA9lie");
}

TEST(ItemTexts, ALongTitleIsNotCutInsideACharacter) {
  std::string title(ItemTexts::kLongestTitle - 1, 'x');
  title += "\xC3\xA9";
  const ItemTexts texts(with_titles({title}));
  EXPECT_EQ(texts.title(0), std::string(ItemTexts::kLongestTitle - 1, 'x'));
}

TEST(ItemTexts, RatingsFollowTheScale) {
  Dataset dataset = with_titles({"A"});
  dataset.rating_minimum = 0.5;
  dataset.rating_maximum = 2;
  dataset.rating_step = 0.5;
  const ItemTexts texts(dataset);
  EXPECT_THAT(texts.ratings(), ::testing::ElementsAre("0.5", "1", "1.5", "2"));
  EXPECT_EQ(texts.rating(1.3), "1.5");
  EXPECT_EQ(texts.rating(99), "2");
  EXPECT_EQ(texts.rating(-1), "0.5");
  EXPECT_DOUBLE_EQ(texts.rating_value(2), 1.5);
}

}  // namespace
}  // namespace llama4rec::prompts
