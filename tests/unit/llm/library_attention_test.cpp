#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "llm/attention.h"

namespace llama4rec::llm {
namespace {

/// The definition, number by number in double precision: out[query] = sum over seen keys of softmax weight times value.
torch::Tensor by_definition(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                            const torch::Tensor& seen) {
  const auto queries = q.to(torch::kFloat64);
  const auto keys = k.to(torch::kFloat64);
  const auto values = v.to(torch::kFloat64);
  auto out = torch::zeros_like(queries);
  for (std::int64_t b = 0; b < q.size(0); ++b) {
    for (std::int64_t h = 0; h < q.size(1); ++h) {
      for (std::int64_t i = 0; i < q.size(2); ++i) {
        double sum = 0;
        auto row = torch::zeros({q.size(3)}, torch::kFloat64);
        for (std::int64_t j = 0; j < k.size(2); ++j) {
          const bool visible = seen.defined() ? seen[b][0][i][j].item<bool>() : j <= i;
          if (!visible) continue;
          const double score =
              torch::dot(queries[b][h][i], keys[b][h][j]).item<double>() / std::sqrt(static_cast<double>(q.size(3)));
          sum += std::exp(score);
          row += std::exp(score) * values[b][h][j];
        }
        out[b][h][i] = row / sum;
      }
    }
  }
  return out;
}

TEST(LibraryAttention, IsTheDefinition) {
  torch::manual_seed(1);
  const auto q = torch::randn({2, 3, 5, 4});
  const auto k = torch::randn({2, 3, 5, 4});
  const auto v = torch::randn({2, 3, 5, 4});
  const auto causal = library_attention(q, k, v, {});
  EXPECT_LT((causal.to(torch::kFloat64) - by_definition(q, k, v, {})).abs().max().item<double>(), 1e-5);
  // Any mask, but that each query sees something: here its own slot, and others at random.
  const auto seen = (torch::rand({2, 1, 5, 5}) > 0.5) | torch::eye(5, torch::kBool);
  const auto masked = library_attention(q, k, v, seen);
  EXPECT_LT((masked.to(torch::kFloat64) - by_definition(q, k, v, seen)).abs().max().item<double>(), 1e-5);
  EXPECT_GT((masked - causal).abs().max().item<double>(), 1e-2) << "the masks differ";
}

TEST(LibraryAttention, LearnsThroughTheMask) {
  torch::manual_seed(2);
  const auto q = torch::randn({1, 1, 4, 2});
  const auto k = torch::randn({1, 1, 4, 2});
  auto v = torch::randn({1, 1, 4, 2}).requires_grad_();
  library_attention(q, k, v, {})[0][0][1].sum().backward();
  EXPECT_GT(v.grad()[0][0][1].abs().min().item<float>(), 0);
  EXPECT_EQ(v.grad()[0][0].narrow(0, 2, 2).abs().max().item<float>(), 0) << "the second query sees two keys";
}

}  // namespace
}  // namespace llama4rec::llm
