#include "tensor/runtime.h"

#include <malloc.h>

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <llama4rec/error.h>

#include "core/cpus.h"
#include "tensor/torch.h"

namespace llama4rec::tensor {
namespace {

TEST(RuntimeTest, TheNumberOfThreadsIsTheOneAskedForOrThatOfTheCpus) {
  configure_runtime(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  configure_runtime(0);
  EXPECT_EQ(at::get_num_threads(), available_cpus());
  EXPECT_EQ(at::get_num_interop_threads(), 1);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
TEST(RuntimeTest, ALargeBlockStaysInTheProcessWhenItIsFreed) {
  configure_runtime(1);
  constexpr std::int64_t kSize = std::int64_t{48} << 20;
  torch::ones({kSize}, torch::kUInt8);
  const auto before = mallinfo2();
  torch::ones({kSize}, torch::kUInt8);
  const auto after = mallinfo2();
  EXPECT_EQ(after.hblkhd, before.hblkhd) << "nothing is mapped for one block";
  EXPECT_EQ(after.arena, before.arena) << "the second block reuses the first one's memory";
  EXPECT_GE(after.fordblks, static_cast<std::size_t>(kSize));
}
#endif

TEST(RuntimeTest, TheDescriptionNamesLibtorchAndTheThreads) {
  configure_runtime(1);
  EXPECT_THAT(runtime_description(), testing::StartsWith(std::string("libtorch ") + TORCH_VERSION + ", 1 threads, "));
}

TEST(DeviceTest, NamesOfDevicesAreParsed) {
  EXPECT_EQ(parse_device("cpu"), torch::Device(torch::kCPU));
  const bool cuda = torch::cuda::is_available();
  EXPECT_EQ(parse_device("auto").type(), cuda ? torch::kCUDA : torch::kCPU);
  if (cuda) {
    EXPECT_EQ(parse_device("cuda"), torch::Device(torch::kCUDA, 0));
  }
}

TEST(DeviceTest, UnknownAndMissingDevicesAreRefused) {
  for (const char* name : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:99999999999", "cpu:0"}) {
    EXPECT_THROW((void)parse_device(name), UsageError) << name;
  }
  try {
    (void)parse_device("cuda:99");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'cuda:99' is not there"));
  }
}

}  // namespace
}  // namespace llama4rec::tensor
