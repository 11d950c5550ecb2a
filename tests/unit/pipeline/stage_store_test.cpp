#include "pipeline/stage_store.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"

namespace llama4rec::pipeline {
namespace {

namespace fs = std::filesystem;

class StageStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("stage_store_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
  }
  void TearDown() override {
    request_interrupt(false);
    fs::remove_all(folder_);
  }

  /// Runs a stage that writes its content and counts how often it worked.
  StageResult run(const std::string& name, const std::vector<std::string>& dependencies, const std::string& content) {
    StageStore store(folder_);
    return store.run(name, dependencies, [&](StageFolder& stage) {
      ++worked_;
      write_file_atomically(stage.path / "file", content);
      stage.summary["content"] = content;
    });
  }

  fs::path folder_;
  int worked_ = 0;
};

TEST_F(StageStoreTest, AFinishedStageIsNotDoneAgain) {
  const StageResult first = run("fit", {"seed=1"}, "a");
  const StageResult second = run("fit", {"seed=1"}, "b");
  EXPECT_EQ(worked_, 1);
  EXPECT_FALSE(first.reused);
  EXPECT_TRUE(second.reused);
  EXPECT_EQ(second.summary["content"], "a");
  EXPECT_EQ(read_file(second.path / "file"), "a");
  EXPECT_EQ(first.key, second.key);
}

TEST_F(StageStoreTest, AnotherDependencyOrNameIsAnotherStage) {
  const std::string key = run("fit", {"seed=1"}, "a").key;
  EXPECT_NE(run("fit", {"seed=2"}, "b").key, key);
  EXPECT_NE(run("tune", {"seed=1"}, "c").key, key);
  EXPECT_NE(run("fit", {"seed", "=1"}, "d").key, key);
  EXPECT_EQ(worked_, 4);
}

TEST_F(StageStoreTest, WorkThatFailsLeavesNoFinishedStage) {
  StageStore store(folder_);
  EXPECT_THROW(store.run("fit", {}, [](StageFolder&) { throw DataError("no"); }), DataError);
  EXPECT_EQ(run("fit", {}, "a").reused, false);
}

TEST_F(StageStoreTest, InterruptedWorkFindsWhatItLeftInItsFolder) {
  StageStore store(folder_);
  EXPECT_THROW(store.run("fit", {},
                         [](StageFolder& stage) {
                           write_file_atomically(stage.path / "state", "half");
                           throw InterruptedError("signal");
                         }),
               InterruptedError);
  store.run("fit", {}, [](StageFolder& stage) { EXPECT_EQ(read_file(stage.path / "state"), "half"); });
}

TEST_F(StageStoreTest, AStageWhoseFilesWereChangedIsDoneAnew) {
  const StageResult first = run("fit", {}, "a");
  write_file_atomically(first.path / "file", "changed");
  EXPECT_EQ(read_file(run("fit", {}, "a").path / "file"), "a");
  EXPECT_EQ(worked_, 2);
}

TEST_F(StageStoreTest, AStageWhoseRecordIsTruncatedIsDoneAnew) {
  const StageResult first = run("fit", {}, "a");
  fs::resize_file(first.path / "done.json", 20);
  EXPECT_FALSE(run("fit", {}, "a").reused);
}

TEST_F(StageStoreTest, NoStageStartsOnceAStopWasAskedFor) {
  request_interrupt(true);
  EXPECT_THROW(run("fit", {}, "a"), InterruptedError);
  EXPECT_EQ(worked_, 0);
}

}  // namespace
}  // namespace llama4rec::pipeline
