#include "data/exchange_folders.h"

#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

class ExchangeFolders : public ::testing::TestWithParam<decltype(&exchange_folders)> {
 protected:
  TemporaryDirectory directory_;
};

TEST_P(ExchangeFolders, PutsEachInThePlaceOfTheOther) {
  directory_.write("new/a.txt", "new");
  directory_.write("set/a.txt", "old");
  GetParam()(directory_ / "new", directory_ / "set");
  EXPECT_EQ(directory_.read("set/a.txt"), "new");
  EXPECT_EQ(directory_.read("new/a.txt"), "old");
}

TEST_P(ExchangeFolders, KeepsTheOldOneInItsPlaceOnFailure) {
  directory_.write("set/a.txt", "old");
  EXPECT_THROW(GetParam()(directory_ / "missing", directory_ / "set"), std::filesystem::filesystem_error);
  EXPECT_EQ(directory_.read("set/a.txt"), "old");
}

INSTANTIATE_TEST_SUITE_P(EitherWay, ExchangeFolders,
                         ::testing::Values(&exchange_folders, &exchange_folders_by_renaming));

}  // namespace
}  // namespace llama4rec::data
