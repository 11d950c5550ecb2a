#include "core/cpus.h"

#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>

#include "core/cgroup.h"

namespace llama4rec {
namespace {

class CgroupTest : public testing::Test {
 protected:
  CgroupTest() : mount_(testing::TempDir() + "cgroup." + std::to_string(getpid())) {
    std::filesystem::create_directories(mount_);
  }
  ~CgroupTest() override { std::filesystem::remove_all(mount_); }

  void write(const std::filesystem::path& name, const std::string& text) const {
    std::filesystem::create_directories((mount_ / name).parent_path());
    std::ofstream(mount_ / name) << text;
  }

  std::filesystem::path mount_;
};

TEST_F(CgroupTest, WithoutAQuotaThereIsNone) {
  EXPECT_EQ(cgroup_cpu_quota("0::/\n", mount_), std::nullopt);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpu_quota("0::/\n", mount_), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota("", mount_), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota("nonsense\n:", mount_), std::nullopt);
}

TEST_F(CgroupTest, TheSmallestQuotaOfTheGroupAndItsAncestorsCounts) {
  write("a/cpu.max", "150000 100000\n");
  write("a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota("0::/a/b\n", mount_), 1.5);
  EXPECT_EQ(cgroup_cpu_quota("0::/a/b/c\n", mount_), 1.5);
  write("a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota("0::/a/b\n", mount_), 0.5);
}

TEST_F(CgroupTest, AGroupOutsideOfTheContainerFallsBackToTheMount) {
  write("cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota("0::/../../other\n", mount_), 3.0);
  EXPECT_EQ(cgroup_cpu_quota("0::/not/here\n", mount_), 3.0);
}

TEST_F(CgroupTest, VersionOneStatesQuotaAndPeriodInTwoFiles) {
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_quota("5:memory:/x\n3:cpu,cpuacct:/job\n", mount_), 2.5);
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cgroup_cpu_quota("3:cpu,cpuacct:/job\n", mount_), std::nullopt);
}

TEST(CpusTest, TheAffinityMaskLimitsTheCpus) {
  cpu_set_t old_mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof(old_mask), &old_mask), 0);
  const int cpus = available_cpus();
  EXPECT_GE(cpus, 1);
  EXPECT_LE(cpus, CPU_COUNT(&old_mask));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &old_mask)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(available_cpus(), 1);
  sched_setaffinity(0, sizeof(old_mask), &old_mask);
}

// The test restarts itself: the program is this one, with a filter that runs this test alone.
TEST(BlasKernelTest, TheProgramRestartsOnceWithTheKernelThatTheUserChose) {
  const char* restarted = std::getenv("LLAMA4REC_RESTARTED");
  if (restarted != nullptr) {
    choose_blas_kernel(nullptr);  // returns: once is enough
    std::cerr << "kernel " << std::getenv("OPENBLAS_CORETYPE") << '\n';
    return;
  }
  const auto restart = [] {
    std::string name = "test_core";
    std::string filter = "--gtest_filter=BlasKernelTest.*";
    std::array<char*, 3> arguments{name.data(), filter.data(), nullptr};
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    setenv("LLAMA4REC_OPENBLAS_CORETYPE", "Nehalem", 1);
    choose_blas_kernel(arguments.data());
    std::exit(1);
  };
  EXPECT_EXIT(restart(), testing::ExitedWithCode(0), "kernel Nehalem");
}

TEST(BlasKernelTest, NothingHappensWhereTheKernelIsSetAlready) {
  if (std::getenv("LLAMA4REC_RESTARTED") != nullptr) return;
  EXPECT_EXIT(
      {
        setenv("OPENBLAS_CORETYPE", "Nehalem", 1);
        setenv("LLAMA4REC_OPENBLAS_CORETYPE", "Nehalem", 1);
        choose_blas_kernel(nullptr);
        std::exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST(CpusTest, TheMachineIsDescribed) {
  EXPECT_FALSE(cpu_name().empty());
  EXPECT_GT(physical_memory(), 1LL << 26);
  EXPECT_GT(available_memory(), 0);
  EXPECT_LE(available_memory(), physical_memory());
}

}  // namespace
}  // namespace llama4rec
