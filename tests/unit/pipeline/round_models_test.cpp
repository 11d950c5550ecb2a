// What the rounds after the first may have seen (run.rounds): halves of targets, provenance of all that is made for one, stage keys.
#include "pipeline/round_models.h"

#include <filesystem>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "data/provenance_file.h"
#include "unit/llm/support.h"
#include "unit/pipeline/tiny_setup.h"
#include "unit/pipeline/two_users.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::AllOf;
using testing::by_number;
using testing::GivenRecommender;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

/// Users who like twelve of twenty items each.
Dataset some_users(int users) {
  std::vector<std::vector<std::pair<ItemIndex, float>>> ratings;
  for (int user = 0; user < users; ++user) {
    auto& mine = ratings.emplace_back();
    for (int n = 0; n < 12; ++n) mine.emplace_back(static_cast<ItemIndex>((3 * user + 7 * n) % 20), 5.0F);
  }
  return llama4rec::testing::tiny_dataset(ratings, 20);
}

InteractionSet everything(const Dataset& dataset) {
  InteractionSet all(dataset.size());
  for (InteractionIndex i = 0; i < dataset.size(); ++i) all.insert(i);
  return all;
}

std::set<UserIndex> users_of(const Dataset& dataset, const InteractionSet& set) {
  std::set<UserIndex> users;
  for (const InteractionIndex i : set.members()) users.insert(dataset.interactions[static_cast<std::size_t>(i)].user);
  return users;
}

TEST(HalvesOfTargets, AUsersTargetsStayTogetherAndNoneIsLost) {
  const Dataset dataset = some_users(9);
  InteractionSet targets = everything(dataset);
  targets.erase(0);
  const auto [first, second] = halves_of_targets(dataset, targets, 2, 1);
  EXPECT_EQ(first.first_common(second), -1);
  InteractionSet both = first;
  both |= second;
  EXPECT_EQ(both, targets);
  EXPECT_EQ(users_of(dataset, first).size(), 4U);
  EXPECT_EQ(users_of(dataset, second).size(), 5U);
}

TEST(HalvesOfTargets, AreDrawnAnewForEachRoundAndSeed) {
  const Dataset dataset = some_users(20);
  const InteractionSet targets = everything(dataset);
  const auto halves = halves_of_targets(dataset, targets, 2, 1);
  EXPECT_EQ(halves, halves_of_targets(dataset, targets, 2, 1));
  EXPECT_NE(halves, halves_of_targets(dataset, targets, 3, 1));
  EXPECT_NE(halves, halves_of_targets(dataset, targets, 2, 2));
}

TEST(HalvesOfTargets, OneUserCannotBeHalved) {
  const Dataset dataset = some_users(1);
  EXPECT_THAT([&] { halves_of_targets(dataset, everything(dataset), 3, 1); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("run.rounds"), HasSubstr("round 3"), HasSubstr("there are 1"))));
}

using InstructionsOfARound = testing::TwoUsers;

TEST_F(InstructionsOfARound, ARoundWhoseBackboneHasSeenItsTargetsIsRefused) {
  make();
  prompts::InstructionFold half = fold();
  const InteractionSet first = halves_of_targets(setup_->dataset(), half.targets, 2, 1)[0];
  half.targets = first;
  half.before = half.allowed;
  half.before -= first;
  const GivenRecommender without = by_number(half.before);
  const TuningCases cases = tuning_cases(*setup_, guard(half), half, {.direct = &without}, 1);
  InteractionSet behind = cases.provenance.interactions;
  behind -= without.provenance().interactions;
  EXPECT_EQ(behind.first_common(half.before), -1) << "what a recommender saw is behind the text, too";
  // A refit on the answers of the first round's model: that has read everything that text may contain.
  const GivenRecommender refit = by_number(half.allowed);
  EXPECT_THAT([&] { tuning_cases(*setup_, guard(half), half, {.direct = &refit}, 1); },
              ThrowsMessage<data::LeakError>(HasSubstr("an instruction's target")));
}

TEST_F(InstructionsOfARound, OneHalfsCasesComeBehindTheOthers) {
  make({"instructions.ranking_per_user=9", "instructions.pairs_per_user=9", "instructions.injection_rate=1"});
  const auto whole = fold();
  const GivenRecommender backbone = by_number(whole.before);
  const auto of = [&](const InteractionSet& targets) {
    prompts::InstructionFold part = whole;
    part.targets = targets;
    return tuning_cases(*setup_, guard(part), part, {.direct = &backbone}, 1);
  };
  const auto [first, second] = halves_of_targets(setup_->dataset(), whole.targets, 2, 1);
  TuningCases cases = of(first);
  append(cases, of(second));
  const TuningCases all = of(whole.targets);
  EXPECT_EQ(cases.ranking.size(), all.ranking.size());
  EXPECT_EQ(cases.pairs.size(), all.pairs.size());
  EXPECT_EQ(cases.liked_next.size(), all.liked_next.size());
  EXPECT_EQ(cases.target_positions.size(), all.target_positions.size());
  EXPECT_EQ(cases.injected, all.injected);
  EXPECT_EQ(cases.provenance.interactions, all.provenance.interactions);
}

/// Small models of a run with two tasks' backbones behind its instructions.
class RoundsOfARun : public ::testing::Test {
 protected:
  static std::unique_ptr<RunSetup> setup(const std::vector<std::string>& more = {}) {
    std::vector<std::string> assignments{"run.backbone=mf",
                                         "run.profiles=",
                                         "train.epochs=2",
                                         "train.embedding=4",
                                         "instructions.direct_backbone=mf",
                                         "instructions.sequential_backbone=item_transitions",
                                         "instructions.rating_backbone=",
                                         "instructions.held_back=0.9",
                                         "llm.hidden=16",
                                         "llm.intermediate=16",
                                         "llm.layers=1",
                                         "llm.heads=2",
                                         "llm.key_value_heads=2",
                                         "llm.vocabulary=400",
                                         "llm.context=256",
                                         "pretraining.epochs=1",
                                         "tuning.epochs=1",
                                         "prompts.candidates=3",
                                         "evaluation.cutoffs=3"};
    assignments.insert(assignments.end(), more.begin(), more.end());
    return testing::tiny_setup(some_users(12), assignments);
  }
  /// The one stage whose folder is `name` and a key.
  [[nodiscard]] std::filesystem::path stage(const std::string& name) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "stages")) {
      const std::string folder = entry.path().filename();
      if (folder.substr(0, folder.rfind('-')) == name) found.push_back(entry.path());
    }
    if (found.size() != 1) throw InternalError(fmt::format("{} stages {}", found.size(), name));
    return found.front();
  }
  [[nodiscard]] InteractionSet read_by(const RunSetup& setup, const std::string& name) const {
    return data::read_provenance(stage(name) / "provenance.json", setup.dataset().size()).interactions;
  }
  llm::testing::TemporaryFolder folder_;
};

TEST_F(RoundsOfARun, NothingMadeForAHalfHasSeenItsTargets) {
  const auto run = setup();
  StageStore store(folder_ / "stages");
  SeedContext context(*run, store, 1);
  context.make_language_models();
  RoundModels rounds(context);
  EXPECT_EQ(rounds.tuned(1, true).stage.key, context.tuned(true).stage.key);
  const std::string plain = context.tuned(false).stage.key;
  const RunModel& second = rounds.tuned(2, true);
  EXPECT_NE(second.stage.key, context.tuned(true).stage.key);
  EXPECT_THAT(second.stage.path.filename().string(), StartsWith("tune-augmented-round-2-"));
  EXPECT_EQ(&rounds.tuned(2, true), &second) << "made once";

  const InteractionSet& targets = context.fold().targets;
  const auto halves = halves_of_targets(run->dataset(), targets, 2, 1);
  for (const auto& [half, other, name] : {std::tuple{halves[0], halves[1], "2a"}, {halves[1], halves[0], "2b"}}) {
    const data::LeakGuard guard(run->dataset(), {&run->direct, &run->sequential, &run->rating}, half);
    const InteractionSet read = read_by(*run, std::string("tune-plain-without-") + name);
    EXPECT_EQ(read.first_common(half), -1);
    EXPECT_GE(read.first_common(other), 0) << "the other half's targets are its labels";
    // The first round's own model would be refused in its place.
    EXPECT_THROW(guard.admit_language_model(data::Phase::kInstructionTuning, context.tuned(false).provenance),
                 data::LeakError);
  }
  EXPECT_EQ(second.provenance.interactions.first_common(run->held_out), -1);
  EXPECT_EQ(context.tuned(false).stage.key, plain);
}

TEST_F(RoundsOfARun, AreFoundAgainAndDependOnTheRoundAndOnWhatMadeTheirAnswers) {
  const auto key = [&](const std::vector<std::string>& more, std::int64_t round) {
    const auto run = setup(more);
    StageStore store(folder_ / "stages");
    SeedContext context(*run, store, 1);
    context.make_language_models();
    RoundModels rounds(context);
    return rounds.tuned(round, true).stage.key;
  };
  const std::vector<std::string> direct_alone{"instructions.sequential_backbone="};
  const std::string second = key(direct_alone, 2);
  EXPECT_EQ(key(direct_alone, 2), second);
  const std::string first = key(direct_alone, 1);
  EXPECT_EQ(key({"instructions.sequential_backbone=", "augmentation.pairs_per_user=2"}, 1), first);
  EXPECT_NE(key({"instructions.sequential_backbone=", "augmentation.pairs_per_user=2"}, 2), second);
  EXPECT_EQ(key({"instructions.sequential_backbone=", "run.rounds=2"}, 2), second) << "their number decides nothing";
  const std::string third = key(direct_alone, 3);
  EXPECT_NE(third, second);
  // Of the third round's first half: a model that read neither it nor a half of the rest.
  const auto run = setup(direct_alone);
  StageStore store(folder_ / "stages");
  SeedContext context(*run, store, 1);
  const InteractionSet left_out = halves_of_targets(run->dataset(), context.fold().targets, 3, 1)[0];
  InteractionSet rest = context.fold().targets;
  rest -= left_out;
  const InteractionSet inner = halves_of_targets(run->dataset(), rest, 2, 1)[1];
  EXPECT_EQ(read_by(*run, "tune-plain-without-3a.2b").first_common(left_out), -1);
  EXPECT_EQ(read_by(*run, "tune-plain-without-3a.2b").first_common(inner), -1);
  EXPECT_EQ(read_by(*run, "tune-plain-round-2-without-3a").first_common(left_out), -1);
  EXPECT_GE(read_by(*run, "tune-plain-round-2-without-3a").first_common(inner), 0);
}

TEST_F(RoundsOfARun, WithoutTuningOneModelServesEveryRound) {
  const auto run = setup({"tuning.epochs=0"});
  StageStore store(folder_ / "stages");
  SeedContext context(*run, store, 1);
  context.make_language_models();
  RoundModels rounds(context);
  EXPECT_EQ(rounds.tuned(2, true).stage.key, context.tuned(true).stage.key);
}

}  // namespace
}  // namespace llama4rec::pipeline
