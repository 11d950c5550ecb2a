// Each interaction's output on a tiny example, worked out by hand: two or three fields with embeddings of two values.
#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "recommenders/rating/batch_lanes.h"
#include "recommenders/rating/interactions/attention_pooling.h"
#include "recommenders/rating/interactions/compressed_interaction.h"
#include "recommenders/rating/interactions/cross_network.h"
#include "recommenders/rating/interactions/field_attention.h"
#include "recommenders/rating/interactions/mlp.h"
#include "recommenders/rating/interactions/pairwise.h"

namespace llama4rec::recommenders {
namespace {

/// One sample in a slice of sixteen; the padding holds other values, which must not matter.
class Example {
 public:
  Example(ParameterLayout& layout, std::vector<float> embeddings) : layout_(layout) {
    embeddings_.assign(embeddings.size() * kLaneWidth, 9.0F);
    for (std::size_t n = 0; n < embeddings.size(); ++n) embeddings_[n * kLaneWidth] = embeddings[n];
    parameters_.assign(static_cast<std::size_t>(layout.size()), 0.0F);
  }
  Example& set(const std::string& name, const std::vector<float>& values) {
    for (const Parameter& p : layout_.parameters()) {
      if (p.name != name) continue;
      EXPECT_EQ(p.size, static_cast<std::int64_t>(values.size())) << name;
      std::copy(values.begin(), values.end(), parameters_.begin() + p.offset);
      return *this;
    }
    ADD_FAILURE() << "no parameter " << name;
    return *this;
  }
  float output(Interaction& interaction) {
    std::vector<float> output(kLaneWidth, 0.5F);  // what others have added
    const Slice slice{.size = 1,
                      .width = kLaneWidth,
                      .parameters = parameters_.data(),
                      .embeddings = embeddings_.data(),
                      .output = output.data()};
    interaction.forward(slice);
    return output[0] - 0.5F;
  }

 private:
  ParameterLayout& layout_;
  std::vector<float> embeddings_;
  std::vector<float> parameters_;
};

constexpr ModelShape kThreeFields{.fields = 3, .dimension = 2, .width = kLaneWidth};
constexpr ModelShape kTwoFields{.fields = 2, .dimension = 2, .width = kLaneWidth};

TEST(FactorizationMachine, SumsTheProductsOfAllPairs) {
  ParameterLayout layout;
  FactorizationMachine machine(kThreeFields);
  // (1,2).(3,-1) + (1,2).(2,5) + (3,-1).(2,5) = 1 + 12 + 1
  EXPECT_NEAR(Example(layout, {1, 2, 3, -1, 2, 5}).output(machine), 14, 1e-5);
}

TEST(Mlp, IsReluLayersAndALinearOutput) {
  ParameterLayout layout;
  DeepPart deep(kTwoFields, {.hidden = {2, 1}}, layout);
  Example example(layout, {1, 2, 3, 4});
  example.set("deep.weight.0", {1, 0, -1, 0, 0, 1, 0, 1}).set("deep.bias.0", {1, -2});
  example.set("deep.weight.1", {5, 3}).set("deep.bias.1", {0.5}).set("deep.output", {2});
  // relu(1 - 3 + 1) = 0; relu(2 + 4 - 2) = 4; relu(3 * 4 + 0.5) = 12.5; times 2
  EXPECT_NEAR(example.output(deep), 25, 1e-5);
}

TEST(NeuralFactorizationMachine, FeedsPooledPairsToItsLayers) {
  ParameterLayout layout;
  NeuralFactorizationMachine machine(kThreeFields, {.hidden = {}}, 0, layout);
  // Pooled: 1*3 + 1*2 + 3*2 = 11 and 2*-1 + 2*5 + -1*5 = 3.
  EXPECT_NEAR(Example(layout, {1, 2, 3, -1, 2, 5}).set("deep.output", {1, 10}).output(machine), 41, 1e-4);
}

TEST(CrossNetwork, MultipliesByAScalarInItsVectorForm) {
  ParameterLayout layout;
  CrossNetwork cross(kTwoFields, CrossForm::kVector, 2, 0, layout);
  Example example(layout, {1, 2, 0, -1});
  example.set("cross.weight.0", {1, 1, 5, 1}).set("cross.bias.0", {0, 1, 0, 0});
  example.set("cross.weight.1", {1, 0, 2, 0}).set("cross.bias.1", {0, 0, 0, 3});
  example.set("cross.output", {1, 10, 100, 1000});
  // x0.w = 2, x1 = 2 x0 + b + x0 = (3, 7, 0, -3); x1.w = 3, x2 = 3 x0 + b + x1 = (6, 13, 0, -3).
  EXPECT_NEAR(example.output(cross), 6 + 130 - 3000, 1e-3);
}

TEST(CrossNetwork, MultipliesElementwiseInItsMatrixForm) {
  ParameterLayout layout;
  CrossNetwork cross(kTwoFields, CrossForm::kMatrix, 1, 0, layout);
  Example example(layout, {1, 2, 3, -1});
  example.set("cross.weight.0", {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 1, 1, 1, 1}).set("cross.bias.0", {1, 0, 0, 0});
  example.set("cross.output", {1, 10, 100, 1000});
  // W x + b = (3, 1, -2, 5); x0 * that = (3, 2, -6, -5); plus x0 = (4, 4, -3, -6).
  EXPECT_NEAR(example.output(cross), 4 + 40 - 300 - 6000, 1e-3);
}

TEST(AttentionPooling, WeighsPairsBySoftmax) {
  ParameterLayout layout;
  AttentionPooling pooling(kThreeFields, 2, 0, 0, layout);
  Example example(layout, {1, 0, 2, 3, 1, -1});
  example.set("attention.weight", {1, 0, 0, 1}).set("attention.bias", {0, 0}).set("attention.score", {1, -1});
  example.set("attention.output", {1, 10});
  // Products (2, 0), (1, 0), (2, -3); units (2, 0), (1, 0), (2, 0); scores 2, 1, 2.
  const double total = 2 * std::exp(2.0) + std::exp(1.0);
  const double expected = (std::exp(2.0) * 2 + std::exp(1.0) * 1 + std::exp(2.0) * (2 - 30)) / total;
  EXPECT_NEAR(example.output(pooling), expected, 1e-4);
}

TEST(CompressedInteraction, SplitsItsMapsIntoTwoHalves) {
  ParameterLayout layout;
  CompressedInteraction cin(kTwoFields, {2, 1}, true, 0, layout);
  Example example(layout, {1, 2, 3, -1});
  // Products of x0 with itself: 11 = (1, 4), 12 = 21 = (3, -2), 22 = (9, 1).
  example.set("cin.weight.0", {1, 1, 1, 0, 0, 0, 1, 1}).set("cin.bias.0", {-1, 0});
  // Map 0: (1 + 6, 4 - 4) - 1 = (6, -1), relu (6, 0), goes on. Map 1: (12, -1), relu (12, 0), goes to the output.
  example.set("cin.weight.1", {1, -1}).set("cin.bias.1", {13});
  // Map 0 * x0_1 = (6, 0), map 0 * x0_2 = (18, 0); (6 - 18, 0) + 13 = (1, 13).
  example.set("cin.output", {1, 100});
  EXPECT_NEAR(example.output(cin), 12 + 1400, 1e-3);
}

TEST(CompressedInteraction, SendsAllMapsBothWaysWithoutTheSplit) {
  ParameterLayout layout;
  CompressedInteraction cin(kTwoFields, {2, 1}, false, 0, layout);
  Example example(layout, {1, 2, 3, -1});
  example.set("cin.weight.0", {1, 1, 1, 0, 0, 0, 1, 1}).set("cin.bias.0", {-1, 0});
  example.set("cin.weight.1", {0, 0, 1, 0}).set("cin.bias.1", {0});  // map 1 * x0_1 = (12, 0)
  example.set("cin.output", {1, 10, 100});
  EXPECT_NEAR(example.output(cin), 6 + 120 + 1200, 1e-3);
}

TEST(FieldAttention, AttendsOverFieldsWithAResidual) {
  for (const bool scaled : {false, true}) {
    ParameterLayout layout;
    FieldAttention attention(kTwoFields, {.layers = 1, .heads = 1, .head_dimension = 2, .scaled = scaled}, layout);
    Example example(layout, {1, 0, 0, 2});
    const std::vector<float> identity = {1, 0, 0, 1};
    example.set("attention.query.0", identity).set("attention.key.0", identity).set("attention.value.0", {1, 1, 0, 1});
    example.set("attention.residual.0", {0, -1, 0, 0}).set("attention.output", {1, 10, 100, 1000});
    // Scores: field 1 (1, 0), field 2 (0, 4). Values: (1, 0), (2, 2). Residuals: (0, 0), (-2, 0).
    const double root = scaled ? std::sqrt(2.0) : 1;
    const double a = std::exp(1 / root) / (std::exp(1 / root) + 1);
    const double b = std::exp(4 / root) / (std::exp(4 / root) + 1);
    const double first = a * 1 + (1 - a) * 2;
    const double second = (1 - a) * 2;
    const double third = 0;  // (1 - b) + 2 b - 2 = b - 1 < 0
    const double fourth = b * 2;
    EXPECT_NEAR(example.output(attention), first + 10 * second + 100 * third + 1000 * fourth, 1e-2);
  }
}

TEST(FieldAttention, KeepsItsHeadsApart) {
  ParameterLayout layout;
  FieldAttention attention(kTwoFields, {.layers = 1, .heads = 2, .head_dimension = 1}, layout);
  Example example(layout, {1, 0, 0, 2});
  example.set("attention.query.0", {1, 0, 0, 1}).set("attention.key.0", {1, 0, 0, 1});
  example.set("attention.value.0", {1, 0, 0, 1}).set("attention.residual.0", {0, 0, 0, 0});
  example.set("attention.output", {1, 10, 0, 0});
  // Field 1: head 1 scores (1, 0) over values (1, 0), head 2 scores (0, 0) over values (0, 2).
  EXPECT_NEAR(example.output(attention), std::exp(1.0) / (std::exp(1.0) + 1) + 10 * 1, 1e-4);
}

TEST(Interactions, LetANaNThroughTheirRelus) {
  constexpr auto kNaN = std::numeric_limits<float>::quiet_NaN();
  const auto output = [&](const auto& make) {
    ParameterLayout layout;
    const auto interaction = make(layout);
    Example example(layout, {kNaN, 1, 2, 3});
    for (const Parameter& p : layout.parameters()) {
      example.set(p.name, std::vector<float>(static_cast<std::size_t>(p.size), 1.0F));
    }
    return example.output(*interaction);
  };
  EXPECT_TRUE(std::isnan(
      output([](auto& layout) { return std::make_unique<DeepPart>(kTwoFields, MlpOptions{.hidden = {2}}, layout); })));
  EXPECT_TRUE(std::isnan(output([](auto& layout) {
    return std::make_unique<CompressedInteraction>(kTwoFields, std::vector<std::int64_t>{2}, true, 0, layout);
  })));
  EXPECT_TRUE(
      std::isnan(output([](auto& layout) { return std::make_unique<AttentionPooling>(kTwoFields, 2, 0, 0, layout); })));
  EXPECT_TRUE(std::isnan(output([](auto& layout) {
    return std::make_unique<FieldAttention>(kTwoFields, FieldAttentionOptions{.layers = 1}, layout);
  })));
}

TEST(LaneExp, IsTheExponential) {
  for (double x = -86; x < 88; x += 0.37) {
    const Lane lane = lane_exp(Lane{} + static_cast<float>(x));
    const double expected = std::exp(static_cast<double>(static_cast<float>(x)));
    EXPECT_NEAR(static_cast<double>(lane[3]) / expected, 1, 3e-7) << x;
  }
  EXPECT_LT(lane_exp(Lane{} - 1e30F)[0], 1e-37F);
}

TEST(DropoutMask, DropsItsShareAndScalesTheRest) {
  const DropoutMask mask({.seed = 1, .epoch = 2, .batch = 3}, 0, 0.3);
  const auto factors = mask.tensor(2000, 20);
  EXPECT_NEAR(factors.eq(0).to(torch::kFloat64).mean().item<double>(), 0.3, 0.01);
  EXPECT_NEAR(factors.max().item<float>(), 1 / 0.7, 1e-6);
  // Units and samples are dropped independently of each other.
  const auto shares = factors.eq(0).to(torch::kFloat64);
  EXPECT_LT((shares.mean(0) - 0.3).abs().max().item<double>(), 0.05);
  const auto both = (shares.select(1, 0) * shares.select(1, 1)).mean().item<double>();
  EXPECT_NEAR(both, 0.09, 0.025);
  const auto later = (shares.slice(0, 1) * shares.slice(0, 0, -1)).mean().item<double>();
  EXPECT_NEAR(later, 0.09, 0.01);
  const DropoutMask other({.seed = 1, .epoch = 2, .batch = 4}, 0, 0.3);
  EXPECT_NEAR((other.tensor(2000, 20).eq(0) & factors.eq(0)).to(torch::kFloat64).mean().item<double>(), 0.09, 0.01);
}

}  // namespace
}  // namespace llama4rec::recommenders
