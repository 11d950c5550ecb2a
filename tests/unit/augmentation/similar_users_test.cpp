#include "augmentation/similar_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llama4rec::augmentation {
namespace {

TEST(MostSimilar, TheDirectionCountsAndNotTheLength) {
  const auto embeddings = torch::tensor({{1.0F, 0.0F}, {100.0F, 90.0F}, {0.5F, 0.05F}, {-1.0F, 0.0F}});
  EXPECT_THAT(most_similar(embeddings, {true, true, true, true}), ::testing::ElementsAre(2, 2, 0, 1));
}

TEST(MostSimilar, NobodyIsSimilarToThemselvesOrToSomebodyWhoIsNotEligible) {
  const auto embeddings = torch::tensor({{1.0F, 0.0F}, {1.0F, 0.1F}, {0.0F, 1.0F}});
  EXPECT_THAT(most_similar(embeddings, {true, false, true}), ::testing::ElementsAre(2, 0, 0));
  EXPECT_THAT(most_similar(embeddings, {true, false, false}), ::testing::ElementsAre(-1, 0, 0));
}

TEST(MostSimilar, ARowOfZerosIsSimilarToNobody) {
  const auto embeddings = torch::tensor({{0.0F, 0.0F}, {1.0F, 0.0F}, {1.0F, 1.0F}});
  EXPECT_THAT(most_similar(embeddings, {true, true, true}), ::testing::ElementsAre(-1, 2, 1));
}

TEST(MostSimilar, TilesAgreeWithTheWholeMatrix) {
  torch::manual_seed(3);
  const auto embeddings = torch::randn({1100, 8});
  const auto unit = embeddings / embeddings.norm(2, 1, true);
  auto similarity = unit.matmul(unit.t());
  similarity.fill_diagonal_(-2);
  const auto expected = similarity.argmax(1);
  const auto result = most_similar(embeddings, std::vector<bool>(1100, true));
  for (std::int64_t user = 0; user < 1100; ++user) {
    EXPECT_EQ(result[static_cast<std::size_t>(user)], expected[user].item<std::int64_t>());
  }
}

}  // namespace
}  // namespace llama4rec::augmentation
