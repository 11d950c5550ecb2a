// Two users, a cut through their histories, and a recommender that prefers low numbers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "data/leak_guard.h"
#include "prompts/instruction_fold.h"
#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline::testing {

inline constexpr ItemIndex kItems = 12;

/// Item n has the score -n: the best unseen items are those with the lowest numbers. The two users are each other's most similar.
inline GivenRecommender by_number(const InteractionSet& seen) {
  std::vector<float> scores;
  for (ItemIndex item = 0; item < kItems; ++item) scores.push_back(static_cast<float>(-item));
  return {scores, {{1, 0}, {1, 0.1F}}, seen};
}

/// User 0 likes 4 5 6 7 8 9 in that order, with a 2 for item 3 after the third; user 1 likes 9 8 7 6 5.
inline Dataset two_users() {
  return llama4rec::testing::tiny_dataset(
      {{{4, 5}, {5, 4}, {6, 5}, {3, 2}, {7, 4}, {8, 5}, {9, 5}}, {{9, 5}, {8, 5}, {7, 5}, {6, 5}, {5, 5}}}, kItems);
}

class TwoUsers : public ::testing::Test {
 protected:
  void make(const std::vector<std::string>& assignments = {},
            std::optional<std::vector<data::Part>> parts = std::nullopt) {
    std::vector<std::string> all{"prompts.candidates=3", "evaluation.cutoffs=3"};
    all.insert(all.end(), assignments.begin(), assignments.end());
    setup_ = tiny_setup(two_users(), all, std::move(parts));
  }
  /// Item 3 of user 0 is the fourth interaction; the cut lies before the interactions 2.. of user 0 and 9.. of user 1.
  prompts::InstructionFold fold() const {
    const std::int64_t size = setup_->dataset().size();
    prompts::InstructionFold fold{
        .allowed = InteractionSet(size), .before = InteractionSet(size), .targets = InteractionSet(size)};
    for (InteractionIndex i = 0; i < size; ++i) {
      if (setup_->held_out.contains(i)) continue;
      fold.allowed.insert(i);
      const bool before = i < 2 || (i >= 7 && i < 9);
      (before ? fold.before : fold.targets).insert(i);
    }
    return fold;
  }
  data::LeakGuard guard(const prompts::InstructionFold& fold) const {
    return {setup_->dataset(), {&setup_->direct, &setup_->sequential, &setup_->rating}, fold.targets};
  }
  std::vector<ItemIndex> items_of(const InteractionSet& set) const {
    std::vector<ItemIndex> items;
    for (const InteractionIndex i : set.members()) {
      items.push_back(setup_->dataset().interactions[static_cast<std::size_t>(i)].item);
    }
    return items;
  }
  std::unique_ptr<RunSetup> setup_;
};

}  // namespace llama4rec::pipeline::testing
