#include "pipeline/rows.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

const double kSecond = 1 / std::log2(3.0);  // the gain of a target at the second place
const double kThird = 0.5;

/// Four users with five positives each (N(u) = 3, so every weight is max(a1, a2)) and candidates 10, 11, 12.
class Rows : public ::testing::Test {
 protected:
  static auto dataset() {
    std::vector<std::vector<std::pair<ItemIndex, float>>> ratings(4);
    for (auto& user : ratings) {
      for (ItemIndex item = 0; item < 5; ++item) user.push_back({item, 5.0F});
    }
    return llama4rec::testing::tiny_dataset(ratings, 13);
  }

  Rows() {
    setup_ = testing::tiny_setup(dataset(), {"evaluation.cutoffs=3", "aggregation.metric=N@3", "prompts.candidates=3"});
  }

  /// The four users' candidates; the target is at `places[user]`, -1 = training never saw it.
  static PhaseRanking phase(const std::vector<int>& places) {
    PhaseRanking result;
    for (std::size_t user = 0; user < places.size(); ++user) {
      result.users.push_back(static_cast<UserIndex>(user));
      result.candidates.push_back({10, 11, 12});
      result.targets.push_back(places[user] < 0 ? -1 : 10 + places[user]);
    }
    return result;
  }
  static void order(PhaseRanking& phase, const std::string& method, const CandidateOrder& order) {
    phase.language_model[method].assign(phase.users.size(), order);
  }

  /// At validation targets stand at `validation`, at test at `test`, for both backbones.
  static SeedOutcome outcome(std::uint64_t seed, const std::vector<int>& validation, const std::vector<int>& test) {
    SeedOutcome result;
    result.seed = seed;
    for (BackboneRanking* backbone : {&result.base, &result.refit, &result.base_augmented}) {
      backbone->validation = phase(validation);
      backbone->test = phase(test);
      for (PhaseRanking* it : {&backbone->validation, &backbone->test}) {
        order(*it, "first", {2, 1, 0});
        order(*it, "listwise", {1, 0, 2});
        it->controls["random order"].orders.assign(it->users.size(), {0, 1, 2});
      }
    }
    result.refit_controls["random pairs"] = phase(test);
    return result;
  }

  static const SeedRow& row(const RunRows& rows, const std::string& name, std::size_t seed = 0) {
    for (const SeedRow& it : rows.seeds.at(seed).rows) {
      if (it.name == name) return it;
    }
    throw InternalError("no row " + name);
  }

  std::unique_ptr<RunSetup> setup_;
};

TEST_F(Rows, WithProbabilitiesHaveFusionsByThem) {
  auto without = outcome(1, {2, 2, 2, 2}, {2, 2, 2, 2});
  auto with = without;
  for (BackboneRanking* backbone : {&with.base, &with.refit}) {
    for (PhaseRanking* it : {&backbone->validation, &backbone->test}) {
      it->log_probabilities.assign(it->users.size(), {-9, -8, -0.1});
    }
  }
  EXPECT_THROW(row(make_rows(*setup_, {without}), "probability utilities"), InternalError);
  const RunRows rows = make_rows(*setup_, {with});
  // The target is the backbone's last and nearly sure: found by a weight that keeps the language model's gap.
  EXPECT_EQ(row(rows, "probability utilities").method, "first");
  EXPECT_THAT(row(rows, "probability utilities").test.at("N@3"), ElementsAre(1, 1, 1, 1));
  EXPECT_DOUBLE_EQ(row(rows, "base + ift, probabilities").validation, 1);
  // A stage of an older version tells none.
  with.base.validation.log_probabilities.clear();
  const RunRows partly = make_rows(*setup_, {with});
  EXPECT_THROW(row(partly, "base + ift, probabilities"), InternalError);
  EXPECT_DOUBLE_EQ(row(partly, "probability utilities").validation, 1);
}

TEST_F(Rows, TheMethodFusesByTheUtilityThatIsConfigured) {
  // By position the backbone and the reversed order agree on the middle, whatever the weight; the probabilities lift the last one.
  auto made = outcome(1, {1, 1, 1, 2}, {2, 2, 2, 2});
  for (BackboneRanking* backbone : {&made.base, &made.refit, &made.base_augmented}) {
    for (PhaseRanking* it : {&backbone->validation, &backbone->test}) {
      it->language_model.erase("listwise");
      order(*it, "first", {2, 1, 0});
      it->log_probabilities.assign(it->users.size(), {-8.1, -8, -0.1});
    }
  }
  const auto with = [&](const std::string& utility) {
    const auto setup = testing::tiny_setup(dataset(), {"evaluation.cutoffs=3", "aggregation.metric=N@3",
                                                       "prompts.candidates=3", "aggregation.utility=" + utility});
    return make_rows(*setup, {made});
  };
  std::map<std::string, double> validation;
  for (const std::string utility : {"position", "reciprocal", "probability"}) {
    const RunRows rows = with(utility);
    validation[utility] = row(rows, "llama4rec").validation;
    for (const std::string name : {"llama4rec", "uniform", "best constant", "llama4rec: first", "base + ift"}) {
      EXPECT_EQ(row(rows, name).utility, utility) << name;
    }
    EXPECT_EQ(row(rows, "fusion: random order").utility, utility == "probability" ? "position" : utility)
        << "chance has no probabilities";
    // The others stand beside it, each once.
    for (const std::string other : {"position", "reciprocal"}) {
      if (other == utility) {
        EXPECT_THROW(row(rows, other + " utilities"), InternalError);
      } else {
        EXPECT_EQ(row(rows, other + " utilities").utility, other);
      }
    }
    EXPECT_EQ(row(rows, "probability utilities").validation, row(with("probability"), "llama4rec").validation);
    EXPECT_EQ(row(rows, "learned gate").validation, row(with("position"), "learned gate").validation);
  }
  EXPECT_NE(validation["position"], validation["probability"]);
  const RunRows chosen = with("validation");
  const auto best = std::max_element(validation.begin(), validation.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  EXPECT_EQ(row(chosen, "llama4rec").validation, best->second);
  EXPECT_EQ(validation.at(row(chosen, "llama4rec").utility), best->second);
  // Without probabilities the positions stand in.
  for (BackboneRanking* backbone : {&made.base, &made.refit, &made.base_augmented}) {
    backbone->validation.log_probabilities.clear();
    backbone->test.log_probabilities.clear();
  }
  EXPECT_EQ(row(with("probability"), "llama4rec").utility, "position");
  EXPECT_EQ(row(with("probability"), "llama4rec").validation, validation["position"]);
}

TEST_F(Rows, ScoresOfTheBackboneStandBesideProbabilitiesAlsoForControls) {
  // The target is the middle one. The backbone all but ties it with the first candidate and excludes the last one; for the language model they stand evenly.
  auto made = outcome(1, {1, 1, 1, 1}, {1, 1, 1, 1});
  for (BackboneRanking* backbone : {&made.base, &made.refit, &made.base_augmented}) {
    for (PhaseRanking* it : {&backbone->validation, &backbone->test}) {
      it->language_model.erase("listwise");
      order(*it, "first", {2, 1, 0});
      it->log_probabilities.assign(it->users.size(), {-2, -1, 0});
      it->scores.assign(it->users.size(), {3.1, 3, 0});
      it->controls["item transitions"] = {.orders = std::vector<CandidateOrder>(it->users.size(), {2, 1, 0}),
                                          .scores = std::vector<std::vector<double>>(it->users.size(), {-2, -1, 0})};
    }
  }
  const auto with = [&](const std::string& utility) {
    const auto setup = testing::tiny_setup(dataset(), {"evaluation.cutoffs=3", "aggregation.metric=N@3",
                                                       "prompts.candidates=3", "aggregation.utility=" + utility});
    return make_rows(*setup, {made});
  };
  // Scaled to mean -2 and variance 2/3, at 0.5: about -2.20, -1.73, -2.08. By places, and by the language model's probabilities beside
  // places, all three tie.
  const RunRows by_score = with("score");
  EXPECT_DOUBLE_EQ(row(by_score, "llama4rec").validation, 1);
  EXPECT_EQ(row(by_score, "llama4rec").utility, "score");
  EXPECT_DOUBLE_EQ(row(by_score, "score utilities").validation, 1);
  EXPECT_DOUBLE_EQ(row(by_score, "fusion: item transitions").validation, 1) << "a control may do what the method may";
  EXPECT_EQ(row(by_score, "fusion: random order").utility, "position");
  const RunRows by_position = with("position");
  EXPECT_LT(row(by_position, "llama4rec").validation, 1);
  EXPECT_LT(row(by_position, "fusion: item transitions").validation, 1);
  EXPECT_DOUBLE_EQ(row(by_position, "score utilities").validation, 1) << "it stands beside the others";
  EXPECT_EQ(row(with("validation"), "llama4rec").utility, "score");
}

TEST_F(Rows, TheMethodUsesTheAugmentationsThatValidationFavours) {
  const auto with = [&](const SeedOutcome& outcome, const std::string& augmentations) {
    const auto setup =
        testing::tiny_setup(dataset(), {"evaluation.cutoffs=3", "aggregation.metric=N@3", "prompts.candidates=3",
                                        "aggregation.augmentations=" + augmentations});
    return make_rows(*setup, {outcome});
  };
  // Orders put the last candidate first: right for all users of `best`, for none of the others. On test the opposite.
  const auto favouring = [&](BackboneRanking SeedOutcome::*best) {
    auto made = outcome(1, {2, 2, 2, 2}, {0, 0, 0, 0});
    made.refit_plain = made.base;
    for (auto backbone :
         {&SeedOutcome::base, &SeedOutcome::refit, &SeedOutcome::base_augmented, &SeedOutcome::refit_plain}) {
      for (PhaseRanking* it : {&(made.*backbone).validation, &(made.*backbone).test}) {
        it->language_model.erase("listwise");
        order(*it, "first", {0, 1, 2});
      }
    }
    order((made.*best).validation, "first", {2, 1, 0});
    return made;
  };
  const auto none = with(favouring(&SeedOutcome::base), "validation");
  EXPECT_FALSE(none.data_augmented);
  EXPECT_FALSE(none.prompts_augmented);
  EXPECT_EQ(row(none, "llama4rec").validation, row(none, "base + ift").validation);
  EXPECT_LT(row(none, "both augmentations").validation, row(none, "llama4rec").validation);
  EXPECT_EQ(none.seeds[0].rows[2].name, "llama4rec") << "the comparisons are with the third row";
  const auto prompts = with(favouring(&SeedOutcome::base_augmented), "validation");
  EXPECT_FALSE(prompts.data_augmented);
  EXPECT_TRUE(prompts.prompts_augmented);
  EXPECT_EQ(row(prompts, "llama4rec").test.at("N@3"), row(prompts, "prompt augmentation").test.at("N@3"));
  const auto data = with(favouring(&SeedOutcome::refit_plain), "validation");
  EXPECT_TRUE(data.data_augmented);
  EXPECT_FALSE(data.prompts_augmented);
  EXPECT_EQ(row(data, "llama4rec").validation, row(data, "data augmentation").validation);
  const auto both = with(favouring(&SeedOutcome::refit), "validation");
  EXPECT_TRUE(both.data_augmented && both.prompts_augmented);
  // The paper's method does not ask.
  const auto paper = with(favouring(&SeedOutcome::base), "both");
  EXPECT_TRUE(paper.data_augmented && paper.prompts_augmented);
  EXPECT_EQ(row(paper, "llama4rec").validation, row(none, "both augmentations").validation);
  EXPECT_THROW(row(paper, "both augmentations"), InternalError);
}

TEST_F(Rows, MeasureEachOrderOnTheTestTargets) {
  const RunRows rows = make_rows(*setup_, {outcome(1, {2, 2, 2, 2}, {0, 1, 2, 2})});
  EXPECT_THAT(row(rows, "base").test.at("N@3"), ElementsAre(1, DoubleNear(kSecond, 1e-12), kThird, kThird));
  // "first" reverses the candidates and is right at validation.
  EXPECT_EQ(row(rows, "ift").method, "first");
  EXPECT_THAT(row(rows, "ift").test.at("N@3"), ElementsAre(kThird, DoubleNear(kSecond, 1e-12), 1, 1));
  EXPECT_THAT(row(rows, "oracle").test.at("N@3"), ElementsAre(1, 1, 1, 1));
  EXPECT_DOUBLE_EQ(row(rows, "base").validation, kThird);
  EXPECT_DOUBLE_EQ(row(rows, "ift").validation, 1);
  EXPECT_THAT(row(rows, "refit: random pairs").test.at("H@3"), ElementsAre(1, 1, 1, 1));
}

TEST_F(Rows, TheWeightIsChosenOnValidationWhateverTheTestSays) {
  // At validation the language model's first choice is right, at test the backbone's.
  const RunRows rows = make_rows(*setup_, {outcome(1, {2, 2, 2, 2}, {0, 0, 0, 0})});
  const SeedRow& method = row(rows, "llama4rec");
  EXPECT_EQ(method.method, "first");
  EXPECT_LT(std::max(method.a1, method.a2), 0.5);
  EXPECT_DOUBLE_EQ(method.validation, 1);
  EXPECT_THAT(method.test.at("N@3"), ElementsAre(kThird, kThird, kThird, kThird));
  EXPECT_THAT(rows.seeds[0].llama4rec_lists[0], ElementsAre(12, 11, 10));
  EXPECT_THAT(rows.seeds[0].weights, ::testing::Each(std::max(method.a1, method.a2)));
  EXPECT_DOUBLE_EQ(row(rows, "uniform").weight, 0.5);
  EXPECT_EQ(row(rows, "reciprocal utilities").method, "first");
  // Everybody's target is where the language model puts it: the gate believes it, too.
  EXPECT_DOUBLE_EQ(row(rows, "learned gate").validation, 1);
  EXPECT_EQ(row(rows, "learned gate").method, "first");
  EXPECT_DOUBLE_EQ(row(rows, "reciprocal utilities").validation, 1);
}

TEST_F(Rows, ThereIsOneChoiceForAllSeedsOnTheirMean) {
  // Alone, the first seed (target second) prefers "listwise" and the second one (target last) "first".
  const auto first_seed = outcome(1, {1, 1, 1, 1}, {1, 1, 1, 1});
  const auto second_seed = outcome(2, {2, 2, 2, 2}, {2, 2, 2, 2});
  EXPECT_EQ(row(make_rows(*setup_, {first_seed}), "ift").method, "listwise");
  EXPECT_EQ(row(make_rows(*setup_, {second_seed}), "ift").method, "first");
  const RunRows rows = make_rows(*setup_, {first_seed, second_seed});
  for (const std::size_t seed : {0U, 1U}) {
    // first: (1/log2(3) + 1) / 2 = .815; listwise: (1 + .5) / 2 = .75.
    EXPECT_EQ(row(rows, "ift", seed).method, "first");
    EXPECT_EQ(row(rows, "llama4rec", seed).method, "first");
    EXPECT_EQ(row(rows, "llama4rec", seed).a1, row(rows, "llama4rec", 0).a1);
  }
  EXPECT_DOUBLE_EQ(row(rows, "ift", 0).validation, kSecond);
  EXPECT_DOUBLE_EQ(row(rows, "ift", 1).validation, 1);
  EXPECT_NEAR(rows.choice.best.value, (1 + kSecond) / 2, 1e-12);
}

TEST_F(Rows, ATargetThatTrainingNeverSawIsAMissOrLeftOut) {
  const auto given = outcome(1, {0, 0, -1, 0}, {0, -1, 0, 0});
  EXPECT_THAT(row(make_rows(*setup_, {given}), "base").test.at("H@3"), ElementsAre(1, 0, 1, 1));
  setup_->evaluation.users = "warm";
  const RunRows warm = make_rows(*setup_, {given});
  EXPECT_THAT(warm.seeds[0].users, ElementsAre(0, 2, 3));
  EXPECT_THAT(row(warm, "base").test.at("H@3"), ElementsAre(1, 1, 1));
  EXPECT_THAT(row(warm, "refit: random pairs").test.at("H@3"), ElementsAre(1, 1, 1));
  EXPECT_DOUBLE_EQ(row(warm, "base").validation, 1);
}

TEST_F(Rows, EachRoundHasItsOwnAndTheLastOneIsTheMethods) {
  EXPECT_THROW(row(make_rows(*setup_, {outcome(1, {2, 2, 2, 2}, {2, 2, 2, 2})}), "round 1"), InternalError);
  auto given = outcome(1, {2, 2, 2, 2}, {0, 1, 2, 2});
  given.earlier_rounds.push_back(outcome(1, {1, 1, 1, 1}, {1, 1, 1, -1}).refit);
  const RunRows rows = make_rows(*setup_, {given});
  // The methods are chosen round by round: "listwise" puts the second candidate first.
  EXPECT_EQ(row(rows, "round 1").method, "listwise");
  EXPECT_DOUBLE_EQ(row(rows, "round 1").validation, 1);
  EXPECT_THAT(row(rows, "round 1").test.at("N@3"), ElementsAre(1, 1, 1, 0));
  EXPECT_EQ(row(rows, "round 1").title, "Round 1 (N@3 on validation: 1.0000)");
  EXPECT_EQ(row(rows, "round 2").method, "first");
  EXPECT_EQ(row(rows, "round 2").test, row(rows, "llama4rec").test);
  EXPECT_DOUBLE_EQ(row(rows, "round 2").validation, row(rows, "llama4rec").validation);
  // Warm users are picked in every round.
  setup_->evaluation.users = "warm";
  EXPECT_THAT(row(make_rows(*setup_, {given}), "round 1").test.at("N@3"), ElementsAre(1, 1, 1));
}

TEST_F(Rows, NeedASeed) { EXPECT_THROW(make_rows(*setup_, {}), InternalError); }

}  // namespace
}  // namespace llama4rec::pipeline
