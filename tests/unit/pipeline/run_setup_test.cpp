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
