#include "pipeline/run_setup.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/train_options.h"
#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

Dataset dataset() { return llama4rec::testing::tiny_dataset({{{0, 5}, {1, 2}, {2, 5}, {3, 5}, {4, 1}}}, 5); }

std::unique_ptr<RunSetup> full_setup(const std::vector<std::string>& assignments) {
  return testing::tiny_setup(dataset(), assignments);
}

std::string usage_error(const std::vector<std::string>& assignments) {
  try {
    full_setup(assignments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunSetup, TheTaskIsTheBackbones) {
  EXPECT_EQ(full_setup({"run.backbone=mf"})->split().task(), data::Task::kDirect);
  EXPECT_EQ(full_setup({"run.backbone=sasrec"})->split().task(), data::Task::kSequential);
  const auto rating = full_setup({"run.backbone=als"});
  EXPECT_EQ(rating->split().task(), data::Task::kRating);
  // The last positive is item 3, the last rating item 4.
  EXPECT_EQ(rating->split().test(0), 4);
  EXPECT_EQ(rating->direct.test(0), 3);
}

TEST(RunSetup, AnInstructionsBackboneHasToBeOfItsTask) {
  EXPECT_THAT(
      usage_error({"instructions.direct_backbone=sasrec"}),
      ::testing::HasSubstr("instructions.direct_backbone: sasrec is a recommender of another task (sequential)"));
  EXPECT_THAT(usage_error({"instructions.rating_backbone=mf"}), ::testing::HasSubstr("instructions.rating_backbone"));
  EXPECT_EQ(usage_error({"instructions.sequential_backbone="}), "no error");
}

TEST(RunSetup, ASamplingWithNothingToDecideIsRefusedBeforeAnythingIsMade) {
  for (const std::string sampling : {"importance", "clusters"}) {
    EXPECT_THAT(usage_error({"instructions.sampling=" + sampling}),
                ::testing::AllOf(::testing::HasSubstr("instructions.sampling: " + sampling),
                                 ::testing::HasSubstr("instructions.most")));
    EXPECT_EQ(usage_error({"instructions.sampling=" + sampling, "instructions.most=10"}), "no error");
  }
  EXPECT_EQ(usage_error({"instructions.most=10"}), "no error");
  EXPECT_THAT(usage_error({"instructions.sampling=popular"}), ::testing::HasSubstr("uniform, importance, clusters"));
}

/// A folder with templates of a user, whose rankings begin with `heading`.
std::string templates_in(const std::string& name, const std::string& heading) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / name;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "ranking.txt") << heading << "{{history}}[[ of {{candidates}}]]";
  std::ofstream(folder / "rating.txt") << "ratings: {{ratings}}{{target}}: ";
  return folder.string();
}

TEST(RunSetup, WhatDependsOnTheWordingDependsOnWhatTheTemplatesSay) {
  const std::string folder = templates_in("run_setup_templates", "gern: ");
  const auto lines = [](const std::string& of, const std::vector<std::string>& prefixes,
                        const std::vector<std::string>& without = {}) {
    std::vector<std::string> assignments;
    if (!of.empty()) assignments.push_back("prompts.templates=" + of);
    return full_setup(assignments)->dependencies(prefixes, without);
  };
  const auto before = lines(folder, {"prompts."});
  const auto of_pretraining = lines(folder, {"pretraining.", "prompts.style"});
  const auto of_recommenders = lines(folder, {"train."});
  EXPECT_NE(before, lines("", {"prompts."})) << "not the style's";
  EXPECT_EQ(before, lines(templates_in("run_setup_moved", "gern: "), {"prompts."})) << "wherever they lie";
  (void)templates_in("run_setup_templates", "ungern: ");
  EXPECT_NE(before, lines(folder, {"prompts."}));
  EXPECT_NE(of_pretraining, lines(folder, {"pretraining.", "prompts.style"}));
  EXPECT_EQ(of_recommenders, lines(folder, {"train."}));
  EXPECT_EQ(of_recommenders, lines("", {"train."}));
  for (const auto& line : lines("", {"prompts."})) {
    EXPECT_EQ(line.find("templates"), std::string::npos) << "keys of runs without files are as they were: " << line;
  }
}

TEST(RunSetup, TemplatesOfAUserAreUsedAndRefusedAtOnce) {
  const std::string folder = templates_in("run_setup_templates", "gern: ");
  const auto setup = full_setup({"prompts.templates=" + folder});
  EXPECT_EQ(setup->templates.ranking({.history = {0}}).joined(), "gern: Title 0; ");
  std::filesystem::remove(std::filesystem::path(folder) / "rating.txt");
  EXPECT_THROW(full_setup({"prompts.templates=" + folder}), DataError);
}

TEST(RunSetup, ProfilesStandBelowTheRunAndTrainingOptionsAreTheBackbonesAlone) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "run_setup_profiles";
  std::filesystem::create_directories(folder / "tiny");
  std::ofstream(folder / "tiny" / "mf.yaml") << "train:\n  epochs: 11\n  patience: 7\n";
  std::ofstream(folder / "tiny" / "sasrec.yaml") << "train:\n  epochs: 13\nsequence:\n  layers: 3\n";
  const auto setup = full_setup({"run.backbone=mf", "run.profiles=" + folder.string(), "train.epochs=20",
                                 "sequence.layers=1", "sasrec.loss=bce"});
  const auto of = [&](const std::string& model) { return setup->options_of(model).read<recommenders::TrainOptions>(); };
  EXPECT_EQ(of("mf").epochs, 20);
  EXPECT_EQ(of("mf").patience, 7);
  EXPECT_EQ(of("sasrec").epochs, 13);
  EXPECT_EQ(of("lightgcn").epochs, recommenders::TrainOptions{}.epochs) << "no profile";
  EXPECT_THAT(setup->options_of("sasrec").canonical({"sequence.layers"}), ::testing::HasSubstr("3"));
  EXPECT_THAT(setup->options_of("sasrec").canonical({"sasrec.loss"}), ::testing::HasSubstr("bce"));
}

}  // namespace
}  // namespace llama4rec::pipeline
