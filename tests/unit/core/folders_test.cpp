#include "core/folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec {
namespace {

namespace fs = std::filesystem;

TEST(Folders, AreMadeWithThoseAboveThemOrRefusedByName) {
  const fs::path root = fs::path(::testing::TempDir()) / "folders_made";
  fs::remove_all(root);
  make_folder(root / "a" / "b");
  make_folder(root / "a" / "b");
  EXPECT_TRUE(fs::is_directory(root / "a" / "b"));
  write_file_atomically(root / "file", "text");
  try {
    make_folder(root / "file" / "below");
    FAIL() << "a file is no folder";
  } catch (const InternalError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("cannot create the folder " + (root / "file" / "below").string()));
  }
  fs::remove_all(root);
}

TEST(Folders, LoseWhatKilledWritersLeftAndNothingElse) {
  const fs::path root = fs::path(::testing::TempDir()) / "folders_cleaned";
  fs::remove_all(root);
  make_folder(root / "below");
  for (const char* file : {"kept.tmp", ".hidden", "below/kept.json"}) write_file_atomically(root / file, "text");
  for (const char* file : {".kept.json.17-0.tmp", "below/.kept.json.4-2.tmp"}) write_file_atomically(root / file, "te");
  remove_temporary_files(root);
  EXPECT_TRUE(fs::exists(root / "kept.tmp"));
  EXPECT_TRUE(fs::exists(root / ".hidden"));
  EXPECT_TRUE(fs::exists(root / "below/kept.json"));
  EXPECT_FALSE(fs::exists(root / ".kept.json.17-0.tmp"));
  EXPECT_FALSE(fs::exists(root / "below/.kept.json.4-2.tmp"));
  remove_temporary_files(root / "nowhere");
  fs::remove_all(root);
}

}  // namespace
}  // namespace llama4rec
