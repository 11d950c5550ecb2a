#include "data/leak_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_dataset.h"

namespace llama4rec::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Two users, six interactions each. User 0's last rating is low, so direct and rating hold out different interactions:
/// direct holds out 3 (validation) and 4 (test), rating 4 and 5. User 1: both hold out 10 and 11.
class LeakGuardTest : public ::testing::Test {
 protected:
  InteractionSet set(std::initializer_list<InteractionIndex> members) const {
    InteractionSet result(dataset_.size());
    for (const auto member : members) result.insert(member);
    return result;
  }
  Provenance thing(std::initializer_list<InteractionIndex> members) const { return {"the thing", set(members)}; }

  Dataset dataset_ = ::llama4rec::testing::tiny_dataset(
      {{{0, 5}, {1, 5}, {2, 4}, {3, 5}, {4, 5}, {5, 1}}, {{5, 5}, {4, 5}, {3, 5}, {2, 5}, {1, 5}, {0, 5}}}, 6);
  Split direct_ = Split::leave_one_out(dataset_, Task::kDirect, 4);
  Split rating_ = Split::leave_one_out(dataset_, Task::kRating, 4);
  LeakGuard guard_{dataset_, {&direct_, &rating_}, set({2, 9})};
};

TEST_F(LeakGuardTest, TheHeldOutUnionCoversBothTasks) {
  EXPECT_EQ(guard_.held_out().members(), (std::vector<InteractionIndex>{3, 4, 5, 10, 11}));
}

TEST_F(LeakGuardTest, PretrainingTextMayHoldNeitherHeldOutInteractionsNorInstructionTargets) {
  EXPECT_NO_THROW(guard_.admit_training_text(Phase::kPretraining, thing({0, 1, 6, 7, 8})));
  EXPECT_THROW(guard_.admit_training_text(Phase::kPretraining, thing({0, 5})), LeakError);  // the rating task's test
  EXPECT_THROW(guard_.admit_training_text(Phase::kPretraining, thing({0, 3})), LeakError);  // direct's validation
  EXPECT_THROW(guard_.admit_training_text(Phase::kPretraining, thing({0, 2})), LeakError);  // a target
}

TEST_F(LeakGuardTest, InstructionTextMayHoldTargetsButNothingHeldOut) {
  EXPECT_NO_THROW(guard_.admit_training_text(Phase::kInstructionTuning, thing({0, 1, 2, 9})));
  EXPECT_THROW(guard_.admit_training_text(Phase::kInstructionTuning, thing({0, 11})), LeakError);
}

TEST_F(LeakGuardTest, ARecommenderThatSawAnInstructionTargetMayNotGiveHintsAtTuning) {
  EXPECT_NO_THROW(guard_.admit_recommender(Phase::kInstructionTuning, direct_, thing({0, 1, 6, 7, 8})));
  EXPECT_THROW(guard_.admit_recommender(Phase::kInstructionTuning, direct_, thing({0, 1, 2})), LeakError);
}

TEST_F(LeakGuardTest, ARecommenderFitOnAllOfTrainMayServeAugmentationValidationAndTest) {
  for (const Phase phase : {Phase::kAugmentation, Phase::kValidation, Phase::kTest}) {
    EXPECT_NO_THROW(guard_.admit_recommender(phase, direct_, thing({0, 1, 2, 6, 7, 8, 9}))) << to_string(phase);
  }
}

TEST_F(LeakGuardTest, ARecommenderThatSawTheValidationItemIsRefusedEvenAtTest) {
  EXPECT_THROW(guard_.admit_recommender(Phase::kTest, direct_, thing({0, 3})), LeakError);
}

TEST_F(LeakGuardTest, ARatingModelFitOnItsOwnTrainPartIsRefusedWhereItHoldsDirectTestItems) {
  // Interaction 3 is in the rating task's train part and direct's validation item.
  EXPECT_EQ(rating_.part(3), Part::kTrain);
  EXPECT_THROW(guard_.admit_recommender(Phase::kValidation, direct_, thing({0, 1, 2, 3})), LeakError);
  EXPECT_NO_THROW(guard_.admit_recommender(Phase::kValidation, rating_, thing({0, 1, 2, 3})));
}

TEST_F(LeakGuardTest, ARecommenderHasNoPlaceInPretraining) {
  EXPECT_THROW(guard_.admit_recommender(Phase::kPretraining, direct_, thing({})), LeakError);
}

TEST_F(LeakGuardTest, TheTestHistoryMayHoldTheValidationItemAndTheValidationHistoryMayNot) {
  EXPECT_NO_THROW(guard_.admit_history(Phase::kTest, direct_, 0, thing({0, 1, 2, 3})));
  EXPECT_THROW(guard_.admit_history(Phase::kValidation, direct_, 0, thing({0, 1, 2, 3})), LeakError);
  EXPECT_THROW(guard_.admit_history(Phase::kAugmentation, direct_, 0, thing({0, 3})), LeakError);
}

TEST_F(LeakGuardTest, NoHistoryEverHoldsTheTestItem) {
  for (const Phase phase :
       {Phase::kPretraining, Phase::kInstructionTuning, Phase::kAugmentation, Phase::kValidation, Phase::kTest}) {
    EXPECT_THROW(guard_.admit_history(phase, direct_, 0, thing({4})), LeakError) << to_string(phase);
  }
}

TEST_F(LeakGuardTest, AnInstructionsHistoryEndsBeforeItsTarget) {
  EXPECT_NO_THROW(guard_.admit_history(Phase::kInstructionTuning, direct_, 0, thing({0, 1}), 2));
  EXPECT_THROW(guard_.admit_history(Phase::kInstructionTuning, direct_, 0, thing({0, 1, 2}), 2), LeakError);
  EXPECT_THROW(guard_.admit_history(Phase::kInstructionTuning, direct_, 0, thing({0, 1, 2}), 1), LeakError);
}

TEST_F(LeakGuardTest, AHistoryHoldsOnlyItsOwnUsersInteractions) {
  EXPECT_THROW(guard_.admit_history(Phase::kValidation, direct_, 0, thing({0, 6})), LeakError);
}

TEST_F(LeakGuardTest, ASimilarUsersHistoryNeverHoldsThatUsersValidationItem) {
  EXPECT_NO_THROW(guard_.admit_similar_history(Phase::kTest, direct_, 1, thing({6, 7, 8, 9})));
  EXPECT_THROW(guard_.admit_similar_history(Phase::kTest, direct_, 1, thing({6, 10})), LeakError);
  EXPECT_THROW(guard_.admit_similar_history(Phase::kInstructionTuning, direct_, 1, thing({6, 11})), LeakError);
}

TEST_F(LeakGuardTest, ALabelIsTheInteractionThatItsPhaseIsAbout) {
  EXPECT_NO_THROW(guard_.admit_label(Phase::kInstructionTuning, direct_, 0, 2));
  EXPECT_THROW(guard_.admit_label(Phase::kInstructionTuning, direct_, 0, 1), LeakError);  // not held back
  EXPECT_THROW(guard_.admit_label(Phase::kInstructionTuning, direct_, 1, 2), LeakError);  // of somebody else
  EXPECT_NO_THROW(guard_.admit_label(Phase::kValidation, direct_, 0, 3));
  EXPECT_THROW(guard_.admit_label(Phase::kValidation, direct_, 0, 4), LeakError);  // choosing on test
  EXPECT_NO_THROW(guard_.admit_label(Phase::kTest, direct_, 0, 4));
  EXPECT_THROW(guard_.admit_label(Phase::kAugmentation, direct_, 0, 0), LeakError);
}

TEST_F(LeakGuardTest, TheMessageNamesThingUserItemAndPhase) {
  EXPECT_THAT(
      [&] {
        guard_.admit_history(Phase::kValidation, direct_, 0, thing({0, 3}));
      },
      ThrowsMessage<LeakError>(AllOf(HasSubstr("the thing"), HasSubstr("user u0"), HasSubstr("item i3"),
                                     HasSubstr("validation"), HasSubstr("direct"))));
}

TEST_F(LeakGuardTest, ALanguageModelHasReadNothingHeldOutInAnyPhase) {
  for (const Phase phase : {Phase::kInstructionTuning, Phase::kAugmentation, Phase::kValidation, Phase::kTest}) {
    EXPECT_NO_THROW(guard_.admit_language_model(phase, thing({0, 1}))) << to_string(phase);
    EXPECT_THROW(guard_.admit_language_model(phase, thing({0, 3})), LeakError)
        << "validation item, " << to_string(phase);
    EXPECT_THROW(guard_.admit_language_model(phase, thing({0, 4})), LeakError) << "test item, " << to_string(phase);
  }
  // An instruction's target is read in tuning, not before.
  EXPECT_THROW(guard_.admit_language_model(Phase::kInstructionTuning, thing({0, 2})), LeakError);
  EXPECT_NO_THROW(guard_.admit_language_model(Phase::kTest, thing({0, 2})));
}

TEST_F(LeakGuardTest, AModelThatRecommendsTheTestItemIsNotALeak) {
  // Only provenance counts: the guard has no way to be told of candidates or hints, so none can be filtered.
  EXPECT_NO_THROW(guard_.admit_recommender(Phase::kTest, direct_, thing({0, 1, 2})));
}

}  // namespace
}  // namespace llama4rec::data
