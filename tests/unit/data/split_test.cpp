#include "data/split.h"

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Each inner list is a user's ratings, oldest first; items are numbered from 0 for each user.
Dataset dataset_of(const std::vector<std::vector<float>>& ratings) {
  Dataset dataset;
  dataset.name = "test";
  dataset.user_offsets.push_back(0);
  std::size_t items = 0;
  for (std::size_t user = 0; user < ratings.size(); ++user) {
    dataset.user_ids.push_back("u" + std::to_string(user));
    for (std::size_t item = 0; item < ratings[user].size(); ++item) {
      dataset.interactions.push_back({.user = static_cast<UserIndex>(user),
                                      .item = static_cast<ItemIndex>(item),
                                      .rating = ratings[user][item],
                                      .timestamp = static_cast<std::int64_t>(item)});
    }
    items = std::max(items, ratings[user].size());
    dataset.user_offsets.push_back(dataset.size());
  }
  for (std::size_t item = 0; item < items; ++item) dataset.item_ids.push_back("i" + std::to_string(item));
  return dataset;
}

TEST(Split, TakesTheLastInteractionForTestAndTheOneBeforeForValidation) {
  const auto dataset = dataset_of({{5, 5, 5, 5}});
  const auto split = Split::leave_one_out(dataset, Task::kRating, 4);
  EXPECT_THAT(split.train(0), ElementsAre(0, 1));
  EXPECT_EQ(split.validation(0), 2);
  EXPECT_EQ(split.test(0), 3);
  EXPECT_EQ(split.part(1), Part::kTrain);
  EXPECT_EQ(split.part(2), Part::kValidation);
  EXPECT_EQ(split.part(3), Part::kTest);
}

TEST(Split, CountsOnlyPositivesForDirectAndSequentialRecommendation) {
  const auto dataset = dataset_of({{5, 1, 4, 3, 4, 2}});
  for (const Task task : {Task::kDirect, Task::kSequential}) {
    const auto split = Split::leave_one_out(dataset, task, 4);
    EXPECT_THAT(split.train(0), ElementsAre(0));
    EXPECT_EQ(split.validation(0), 2);
    EXPECT_EQ(split.test(0), 4);
    EXPECT_EQ(split.part(1), Part::kUnused);
    EXPECT_EQ(split.part(5), Part::kUnused);
  }
  EXPECT_EQ(Split::leave_one_out(dataset, Task::kRating, 4).test(0), 5);
}

TEST(Split, TakesARatingAtTheThresholdAsPositiveAndEveryRatingWithAThresholdOfZero) {
  const auto dataset = dataset_of({{3, 4, 3, 4, 4}});
  EXPECT_EQ(Split::leave_one_out(dataset, Task::kDirect, 4).members(Part::kUnused).count(), 2);
  EXPECT_EQ(Split::leave_one_out(dataset, Task::kDirect, 0).members(Part::kUnused).count(), 0);
}

TEST(Split, LeavesUsersWithFewerThanThreeInteractionsInTrainOnly) {
  const auto dataset = dataset_of({{5, 5}, {5, 5, 5}, {}, {5, 1, 5}});
  const auto split = Split::leave_one_out(dataset, Task::kDirect, 4);
  EXPECT_THAT(split.train(0), ElementsAre(0, 1));
  EXPECT_EQ(split.test(0), -1);
  EXPECT_EQ(split.validation(0), -1);
  EXPECT_THAT(split.train(1), ElementsAre(2));
  EXPECT_EQ(split.test(1), 4);
  EXPECT_TRUE(split.train(2).empty());
  EXPECT_THAT(split.train(3), ElementsAre(5, 7)) << "three ratings, but only two positives";
  EXPECT_EQ(split.test(3), -1);
  EXPECT_THAT(split.test_users(), ElementsAre(1));
}

TEST(Split, PutsEveryInteractionIntoExactlyOnePart) {
  const auto dataset = dataset_of({{5, 1, 4, 3, 4, 2}, {5, 5}, {1, 1, 1}, {4, 4, 4, 4}});
  const auto split = Split::leave_one_out(dataset, Task::kDirect, 4);
  std::int64_t total = 0;
  for (const Part part : {Part::kUnused, Part::kTrain, Part::kValidation, Part::kTest}) {
    total += split.members(part).count();
  }
  EXPECT_EQ(total, dataset.size());
}

TEST(Split, GivesTheTrainItemsOldestFirst) {
  const auto dataset = dataset_of({{5, 1, 4, 4, 4}});
  EXPECT_THAT(Split::leave_one_out(dataset, Task::kDirect, 4).train_histories(), ElementsAre(ElementsAre(0, 2)));
}

TEST(Split, OutlivesTheDataSetThatItWasMadeFrom) {
  auto dataset = std::make_unique<Dataset>(dataset_of({{5, 5, 5, 5}}));
  const auto split = Split::leave_one_out(*dataset, Task::kRating, 0);
  dataset.reset();
  EXPECT_THAT(split.train_histories(), ElementsAre(ElementsAre(0, 1)));
}

TEST(Split, FollowsExplicitParts) {
  const auto dataset = dataset_of({{5, 5, 2, 5}, {5}});
  const auto split = Split::from_parts(dataset, Task::kDirect, 4,
                                       {Part::kTest, Part::kTrain, Part::kTrain, Part::kValidation, Part::kTrain});
  EXPECT_EQ(split.test(0), 0);
  EXPECT_EQ(split.validation(0), 3);
  EXPECT_THAT(split.train(0), ElementsAre(1)) << "interaction 2 is no positive";
  EXPECT_EQ(split.part(2), Part::kUnused);
  EXPECT_THAT(split.train(1), ElementsAre(4));
}

TEST(Split, RefusesExplicitPartsWithTwoTestInteractionsOfOneUser) {
  const auto dataset = dataset_of({{5, 5, 5}});
  const auto message = message_of([&] {
    (void)Split::from_parts(dataset, Task::kRating, 0, {Part::kTest, Part::kTest, Part::kTrain});
  });
  EXPECT_THAT(message, HasSubstr("user u0 has more than one test interaction"));
  EXPECT_THAT(
      message_of([&] {
        (void)Split::from_parts(dataset, Task::kRating, 0, {Part::kTrain, Part::kValidation, Part::kValidation});
      }),
      HasSubstr("more than one validation interaction"));
}

TEST(Split, RefusesPartsThatAreNotAsManyAsTheInteractions) {
  const auto dataset = dataset_of({{5, 5, 5}});
  EXPECT_THAT(message_of([&] { (void)Split::from_parts(dataset, Task::kRating, 0, {Part::kTest}); }),
              HasSubstr("has 1 parts, expected one per interaction, 3"));
}

TEST(HeldOutUnion, HoldsTheValidationAndTestInteractionsOfEveryTaskAndNothingElse) {
  const auto dataset = dataset_of({{5, 4, 4, 1, 2}, {5, 5}});
  const auto direct = Split::leave_one_out(dataset, Task::kDirect, 4);  // positives 0 1 2: validation 1, test 2
  const auto rating = Split::leave_one_out(dataset, Task::kRating, 4);  // validation 3, test 4
  EXPECT_THAT(held_out_union({&direct, &rating}).members(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(held_out_union({&direct}).members(), ElementsAre(1, 2));
  EXPECT_EQ(held_out_union({&direct}).universe(), dataset.size());
}

}  // namespace
}  // namespace llama4rec::data
