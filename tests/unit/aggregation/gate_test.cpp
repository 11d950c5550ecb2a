#include "aggregation/gate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::aggregation {
namespace {

using Order = std::vector<std::int64_t>;

LongTailScale scale() { return LongTailScale(std::vector<std::int64_t>{1, 10, 100}); }

/// In the head of the distribution the backbone puts the target first, in the tail the language model does.
std::vector<RankingCase> two_kinds(int count, std::uint64_t seed) {
  RandomStream random(seed, "tests.gate");
  std::vector<RankingCase> cases;
  for (int n = 0; n < count; ++n) {
    Order order(6);
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(std::span(order));
    const bool head = n % 2 == 0;
    cases.push_back(
        {.language_model_order = order, .target = head ? 0 : order.front(), .interactions = head ? 100 : 1});
  }
  return cases;
}

TEST(GateFeatures, AreWhatTheySay) {
  const auto same = gate_features(Order{0, 1, 2, 3}, 1, scale());
  EXPECT_DOUBLE_EQ(same[0], 1);
  EXPECT_DOUBLE_EQ(same[1], 0);
  EXPECT_DOUBLE_EQ(same[2], 1);
  EXPECT_DOUBLE_EQ(same[3], 1);
  EXPECT_DOUBLE_EQ(same[4], 0);
  const auto reversed = gate_features(Order{3, 2, 1, 0}, 100, scale());
  EXPECT_DOUBLE_EQ(reversed[1], 1);
  EXPECT_DOUBLE_EQ(reversed[2], -1);
  EXPECT_DOUBLE_EQ(reversed[3], 0);
  EXPECT_DOUBLE_EQ(reversed[4], 1);
  const auto middle = gate_features(Order{1, 0, 2, 3}, 10, scale());
  EXPECT_NEAR(middle[1], (std::log(11.0) - std::log(2.0)) / (std::log(101.0) - std::log(2.0)), 1e-12);
  EXPECT_DOUBLE_EQ(middle[2], 1 - 6.0 * 2 / 60);
  EXPECT_NEAR(middle[4], 1.0 / 3, 1e-12);
  EXPECT_DOUBLE_EQ(gate_features(Order{0}, 10, scale())[2], 1);
}

TEST(Gate, LossAndGradientAgree) {
  const auto cases = two_kinds(40, 3);
  const GateFeatures at{0.3, -0.5, 0.8, 0.1, -0.4};
  GateFeatures gradient{};
  const double loss = gate_loss(Gate(at), cases, scale(), &gradient);
  EXPECT_GT(loss, 0);
  for (std::size_t f = 0; f < kGateFeatures; ++f) {
    auto up = at;
    auto down = at;
    up[f] += 1e-5;
    down[f] -= 1e-5;
    const double slope = (gate_loss(Gate(up), cases, scale()) - gate_loss(Gate(down), cases, scale())) / 2e-5;
    EXPECT_NEAR(slope, gradient[f], 1e-7) << f;
  }
}

TEST(Gate, LearnsWhomToBelieve) {
  const auto cases = two_kinds(200, 5);
  const Gate gate = fit_gate(cases, scale());
  EXPECT_LT(gate_loss(gate, cases, scale()), 0.75 * gate_loss(Gate(), cases, scale()));
  int right = 0;
  for (const auto& it : two_kinds(100, 6)) {
    const double weight = gate.weight(gate_features(it.language_model_order, it.interactions, scale()));
    EXPECT_GT(weight, 0);
    EXPECT_LT(weight, 1);
    right += fused_position(it.language_model_order, weight, it.target) == 0 ? 1 : 0;
  }
  EXPECT_GE(right, 90);
}

TEST(Gate, BeginsInTheMiddle) {
  EXPECT_DOUBLE_EQ(Gate().weight({1, 0.3, 0.2, 1, 0}), 0.5);
  const std::vector<RankingCase> hopeless = {{.language_model_order = {1, 0}, .target = -1, .interactions = 3}};
  EXPECT_DOUBLE_EQ(fit_gate(hopeless, scale()).weight({1, 1, 1, 1, 1}), 0.5);
}

TEST(Gate, ACrossFittedWeightDoesNotKnowItsOwnTarget) {
  auto cases = two_kinds(50, 7);
  std::vector<std::int64_t> groups(50);
  std::iota(groups.begin(), groups.end(), 0);
  const auto before = cross_fitted_weights(cases, groups, scale());
  cases[10].target = 5 - cases[10].target;
  const auto after = cross_fitted_weights(cases, groups, scale());
  for (std::size_t n = 0; n < cases.size(); ++n) {
    if (n % 5 == 0) {
      EXPECT_EQ(before[n], after[n]) << "in the fold of case 10";
    } else {
      EXPECT_NE(before[n], after[n]);
    }
  }
  EXPECT_THROW(cross_fitted_weights(cases, {}, scale()), InternalError);
}

}  // namespace
}  // namespace llama4rec::aggregation
