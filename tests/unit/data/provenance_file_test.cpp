#include "data/provenance_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec::data {
namespace {

class ProvenanceFile : public ::testing::Test {
 protected:
  // Tests run beside each other.
  std::filesystem::path file_ =
      std::filesystem::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ProvenanceFile, ReadsWhatItWrote) {
  for (const std::vector<InteractionIndex>& members :
       {std::vector<InteractionIndex>{}, {0}, {69}, {0, 1, 2, 5, 63, 64, 65, 69}}) {
    Provenance written{.what = "a model \"x\"", .interactions = InteractionSet(70)};
    for (const auto member : members) written.interactions.insert(member);
    write_provenance(file_, written);
    const Provenance read = read_provenance(file_, 70);
    EXPECT_EQ(read.what, written.what);
    EXPECT_EQ(read.interactions, written.interactions);
  }
}

TEST_F(ProvenanceFile, RefusesWhatIsDamagedOrOfAnotherDataSet) {
  const auto refuses = [&](const std::string& text) {
    write_file_atomically(file_, text);
    EXPECT_THROW(read_provenance(file_, 70), DataError) << text;
  };
  refuses("");
  refuses("{}");
  refuses(R"({"what": "x", "universe": 71, "interactions": []})");
  refuses(R"({"what": "x", "universe": 70, "interactions": [[0, 70]]})");
  refuses(R"({"what": "x", "universe": 70, "interactions": [[-1, 3]]})");
  refuses(R"({"what": "x", "universe": 70, "interactions": [[5, 3]]})");
  refuses(R"({"what": "x", "universe": 70, "interactions": [[5]]})");
  refuses(R"({"what": "x", "universe": 70, "interactions": 5})");
  std::filesystem::remove(file_);
  EXPECT_THROW(read_provenance(file_, 70), Error);
}

}  // namespace
}  // namespace llama4rec::data
