// Processes that work together: who is who, sums and gatherings, agreement.
#include "tensor/parallel/world.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "support/ranks.h"
#include "tensor/parallel/placement.h"

namespace llama4rec::tensor {
namespace {

using testing::as_ranks;
using ::testing::HasSubstr;

TEST(World, SumsAndGathersOverItsProcesses) {
  as_ranks(3, [](const World& world) {
    const auto rank = static_cast<double>(world.rank());
    EXPECT_DOUBLE_EQ(world.sum(rank + 1), 6);
    auto values = torch::full({4}, rank + 1);
    world.sum(values);
    EXPECT_TRUE(torch::equal(values, torch::full({4}, 6.0)));
    auto full = torch::arange(6, torch::kFloat32) * (rank + 1);
    auto own = torch::empty({2});
    world.sum_own_part(full, own);
    EXPECT_TRUE(torch::equal(own, (torch::arange(2, torch::kFloat32) + 2 * rank) * 6));
    auto all = torch::zeros({6});
    all.narrow(0, 2 * world.rank(), 2).fill_(rank);
    world.gather(all.narrow(0, 2 * world.rank(), 2), all);
    EXPECT_TRUE(torch::equal(all, torch::tensor({0, 0, 1, 1, 2, 2}, torch::kFloat32)));
  });
}

TEST(World, SaysThatAnotherProcessIsGone) {
  try {
    as_ranks(2, [](const World& world) {
      world.meet();
      if (world.rank() == 1) return;  // its connections close behind it
      for (int i = 0; i < 100; ++i) world.meet();
    });
    FAIL();
  } catch (const RemoteError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 0 of 2"));
    EXPECT_THAT(error.what(), HasSubstr("another process has stopped"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
  }
}

TEST(World, GoesOnWhereAllAgreeAndStopsEverybodyWhereOneDoesNot) {
  World().agree("whatever", "options");
  std::atomic<int> refused = 0;
  EXPECT_THROW(as_ranks(3,
                        [&](const World& world) {
                          world.agree("the same", "options");
                          try {
                            world.agree(world.rank() == 2 ? "that" : "this", "options");
                          } catch (const DataError& error) {
                            EXPECT_THAT(error.what(), HasSubstr("rank 2 has other options than rank 0"));
                            refused += 1;
                            throw;
                          }
                        }),
               DataError);
  EXPECT_EQ(refused, 3);
}

TEST(World, GivesEveryProcessASimilarShareInOrder) {
  for (const std::size_t things : {0, 1, 2, 7, 64}) {
    std::size_t first = 0;
    for (std::size_t number = 0; number < 3; ++number) {
      const auto share = share_of(things, number, 3);
      EXPECT_EQ(share.first, first);
      EXPECT_LE(share.count, things / 3 + 1);
      first = share.end();
    }
    EXPECT_EQ(first, things);
  }
  EXPECT_EQ(World().own_share(9).count, 9);
}

TEST(Placement, ReadsWhatTheStartersOfProcessesSet) {
  const auto from = [](const std::map<std::string, std::string>& variables) {
    return placement_from([variables](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  };
  EXPECT_EQ(from({}), std::nullopt);
  EXPECT_EQ(from({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}), std::nullopt) << "a shell inside an allocation";
  EXPECT_EQ(from({{"RANK", "0"}, {"WORLD_SIZE", "1"}}), std::nullopt);
  const auto torchrun = from(
      {{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29400"}});
  ASSERT_TRUE(torchrun);
  EXPECT_EQ(torchrun->rank, 5);
  EXPECT_EQ(torchrun->size, 8);
  EXPECT_EQ(torchrun->local_rank, 1);
  EXPECT_EQ(torchrun->address, "node0");
  EXPECT_EQ(torchrun->port, 29400);
  const auto slurm = from({{"SLURM_PROCID", "2"},
                           {"SLURM_NTASKS", "4"},
                           {"SLURM_LOCALID", "0"},
                           {"MASTER_ADDR", "a"},
                           {"MASTER_PORT", "1"}});
  ASSERT_TRUE(slurm);
  EXPECT_EQ(slurm->rank, 2);
  EXPECT_EQ(slurm->local_rank, 0);
  const auto mpirun = from({{"OMPI_COMM_WORLD_RANK", "1"},
                            {"OMPI_COMM_WORLD_SIZE", "2"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                            {"MASTER_ADDR", "a"},
                            {"MASTER_PORT", "1"}});
  ASSERT_TRUE(mpirun);
  EXPECT_EQ(mpirun->rank, 1);
  for (const auto& [variables, said] : std::vector<std::pair<std::map<std::string, std::string>, std::string>>{
           {{{"RANK", "0"}}, "WORLD_SIZE is missing"},
           {{{"RANK", "2"}, {"WORLD_SIZE", "2"}}, "RANK is '2', expected a number from 0 to 1"},
           {{{"RANK", "x"}, {"WORLD_SIZE", "2"}}, "RANK is 'x'"},
           {{{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "MASTER_ADDR is missing"},
           {{{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}, "MASTER_PORT is missing"},
           {{{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "70000"}}, "MASTER_PORT"}}) {
    try {
      (void)from(variables);
      ADD_FAILURE() << said;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(said));
    }
  }
}

}  // namespace
}  // namespace llama4rec::tensor
