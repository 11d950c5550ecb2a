#include "recommenders/direct/adam.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/random.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {
namespace {

TEST(Adam, EqualsTorchsAdam) {
  constexpr std::size_t kSize = 37;
  std::vector<float> values(kSize);
  RandomStream stream(1, "tests.adam");
  for (float& value : values) value = static_cast<float>(stream.normal());
  torch::Tensor reference = torch::tensor(values).set_requires_grad(true);
  torch::optim::Adam torch_adam({reference}, torch::optim::AdamOptions(0.01));
  Adam adam(kSize, 0.01);
  for (int step = 0; step < 200; ++step) {
    std::vector<float> gradient(kSize);
    for (std::size_t n = 0; n < kSize; ++n) {
      // Rows that a batch does not touch have the gradient 0.
      gradient[n] = n % 3 == 0 && step % 2 == 0 ? 0.0F : static_cast<float>(stream.normal() * (n < 5 ? 1e-6 : 0.3));
    }
    reference.mutable_grad() = torch::tensor(gradient);
    torch_adam.step();
    adam.step(values, gradient);
  }
  const auto expected = reference.detach();
  for (std::size_t n = 0; n < kSize; ++n) {
    EXPECT_NEAR(values[n], expected[static_cast<std::int64_t>(n)].item<float>(), 2e-5F) << "parameter " << n;
  }
}

}  // namespace
}  // namespace llama4rec::recommenders
