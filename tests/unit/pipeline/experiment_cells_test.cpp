#include "pipeline/experiment_cells.h"

#include <filesystem>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"

namespace llama4rec::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class ExperimentCellsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("experiment_cells_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
  }
  void TearDown() override {
    request_interrupt(false);
    fs::remove_all(folder_);
  }

  /// A cell whose result is its name; `fails` ends its work after it has left a file.
  ExperimentCell cell(const std::string& name, bool fails = false) {
    return {.name = name, .dependencies = {"value=" + name}, .work = [this, name, fails](StageFolder& folder) {
              worked_.push_back(name);
              found_partial_ = fs::exists(folder.path / "partial");
              write_file_atomically(folder.path / "partial", name);
              if (fails) throw std::runtime_error("killed");
              fs::remove(folder.path / "partial");
              folder.summary["value"] = name;
            }};
  }

  std::vector<std::string> values(const std::vector<ExperimentCell>& cells) {
    StageStore store(folder_);
    std::vector<std::string> result;
    for (const StageResult& found : run_cells(store, cells)) result.push_back(found.summary.at("value"));
    return result;
  }

  fs::path folder_;
  std::vector<std::string> worked_;
  bool found_partial_ = false;
};

TEST_F(ExperimentCellsTest, ResultsComeInTheOrderOfTheCells) {
  EXPECT_THAT(values({cell("b"), cell("a"), cell("c")}), ElementsAre("b", "a", "c"));
  EXPECT_THAT(worked_, ElementsAre("b", "a", "c"));
}

TEST_F(ExperimentCellsTest, OnlyMissingCellsAreWorkedOn) {
  (void)values({cell("a"), cell("b")});
  worked_.clear();
  EXPECT_THAT(values({cell("b"), cell("c"), cell("a")}), ElementsAre("b", "c", "a"));
  EXPECT_THAT(worked_, ElementsAre("c"));
}

TEST_F(ExperimentCellsTest, ACellThatWasCutShortIsResumedAndTheOthersAreKept) {
  EXPECT_THROW(values({cell("a"), cell("b", true), cell("c")}), std::runtime_error);
  EXPECT_THAT(worked_, ElementsAre("a", "b"));
  worked_.clear();
  EXPECT_THAT(values({cell("a"), cell("b")}), ElementsAre("a", "b"));
  EXPECT_THAT(worked_, ElementsAre("b"));
  EXPECT_TRUE(found_partial_) << "what the first attempt left in the folder is there for the second";
}

TEST_F(ExperimentCellsTest, ADamagedResultIsWorkedOnAnew) {
  ExperimentCell kept = cell("a");
  kept.work = [this](StageFolder& folder) {
    worked_.emplace_back("a");
    write_file_atomically(folder.path / "result.json", "{}");
    folder.summary["value"] = "a";
  };
  (void)values({kept});
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (entry.path().filename() == "result.json") write_file_atomically(entry.path(), "{]");
  }
  EXPECT_THAT(values({kept}), ElementsAre("a"));
  EXPECT_THAT(worked_, ElementsAre("a", "a"));
}

TEST_F(ExperimentCellsTest, ASignalStopsBetweenCells) {
  ExperimentCell first = cell("a");
  first.work = [](StageFolder& folder) {
    folder.summary["value"] = "a";
    request_interrupt(true);
  };
  EXPECT_THROW(values({first, cell("b")}), InterruptedError);
  request_interrupt(false);
  EXPECT_THAT(worked_, ElementsAre());
  EXPECT_THAT(values({first}), ElementsAre("a"));
}

}  // namespace
}  // namespace llama4rec::pipeline
