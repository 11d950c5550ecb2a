#include "pipeline/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// One user with five positives.
std::unique_ptr<RunSetup> refused_setup(std::vector<std::string> assignments) {
  assignments.push_back("run.directory=" + (std::filesystem::path(::testing::TempDir()) / "refused-run").string());
  return testing::tiny_setup(llama4rec::testing::tiny_dataset({{{0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 5}}}, 6),
                             assignments);
}

TEST(RunMethod, RefusesAtOnceWhatItsTableCouldNotHold) {
  const auto refused = [](const std::vector<std::string>& assignments) {
    return [assignments] { run_method(*refused_setup(assignments), 1, "test"); };
  };
  EXPECT_THAT(refused({"evaluation.protocol=selfrec"}),
              ThrowsMessage<UsageError>(HasSubstr("evaluation.protocol must be textbook")));
  EXPECT_THAT(refused({"evaluation.cutoffs=3,5,20"}),
              ThrowsMessage<UsageError>(AllOf(HasSubstr("cutoff 20"), HasSubstr("prompts.candidates = 10"))));
  EXPECT_THAT(
      refused({"evaluation.cutoffs=3,10"}),
      ThrowsMessage<UsageError>(AllOf(HasSubstr("aggregation.metric is N@5"), HasSubstr("evaluation.cutoffs"))));
  EXPECT_THAT(refused({"run.rounds=2", "run.backbone=deepfm"}),
              ThrowsMessage<UsageError>(AllOf(HasSubstr("run.rounds is 2"), HasSubstr("deepfm"))));
  EXPECT_THAT(refused({"run.rounds=2", "instructions.direct_backbone=", "instructions.sequential_backbone="}),
              ThrowsMessage<UsageError>(HasSubstr("instructions.direct_backbone or instructions.sequential_backbone")));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(::testing::TempDir()) / "refused-run"));
}

}  // namespace
}  // namespace llama4rec::pipeline
