#include "recommenders/direct/info_nce.h"

#include <cmath>

#include <gtest/gtest.h>
#include <omp.h>

#include "core/random.h"
#include "recommenders/direct/vector_exp.h"

namespace llama4rec::recommenders {
namespace {

TEST(ExpLane, EqualsTheExponentialToSevenDigits) {
  RandomStream stream(1, "tests.exp");
  for (int n = 0; n < 200; ++n) {
    float values[kLaneWidth];
    for (float& value : values) value = static_cast<float>(stream.uniform() * 160 - 80);
    const Lane x = load_sixteen(values);
    const Lane y = exp_lane(x);
    for (int i = 0; i < kLaneWidth; ++i) {
      const double exact = std::exp(static_cast<double>(x[i]));
      EXPECT_NEAR(static_cast<double>(y[i]) / exact, 1, 3e-7 + 1e-7 * std::abs(static_cast<double>(x[i]))) << x[i];
    }
  }
}

TEST(ExpLane, TakesFarNegativeValuesAsTheLowest) {
  const Lane y = exp_lane(Lane{} - 1000.0F);
  EXPECT_GE(y[0], 0);
  EXPECT_LT(y[0], 1e-37);
}

/// Two nodes of sixteen values, of which two are used: view 1 is (3, 0), (0, 2), view 2 is (1, 1), (0, 5).
struct TwoNodes {
  std::vector<float> view1 = std::vector<float>(32, 0.0F);
  std::vector<float> view2 = std::vector<float>(32, 0.0F);
  TwoNodes() {
    view1[0] = 3;
    view1[17] = 2;
    view2[0] = view2[1] = 1;
    view2[17] = 5;
  }
};

TEST(InfoNce, OfTwoNodesIsTheFormula) {
  const TwoNodes nodes;
  std::vector<float> g1(32, 0.0F);
  std::vector<float> g2(32, 0.0F);
  InfoNce contrast(16, 0.5);
  const std::vector<std::int32_t> rows = {0, 1};
  const double loss = contrast.add(rows, nodes.view1.data(), nodes.view2.data(), 1, g1.data(), g2.data());
  // Cosines: (1/sqrt 2, 0; 1/sqrt 2, 1); over the temperature twice that.
  const double a = std::exp(2 / std::sqrt(2.0));
  const double own0 = a / (a + 1);
  const double own1 = std::exp(2.0) / (a + std::exp(2.0));
  EXPECT_NEAR(loss, -(std::log(own0) + std::log(own1)) / 2, 1e-6);
  // dL/dz1_0 = sum over b of (p_b - [b = 0]) z2_b / (n t) = (p_0 - 1) (1, 1)/sqrt 2 + p_1 (0, 1); z1_0 = (1, 0), so that only the
  // second component is left, over the length 3.
  const double along = ((own0 - 1) / std::sqrt(2.0) + (1 - own0)) / (2 * 0.5);
  EXPECT_NEAR(g1[0], 0, 1e-7);
  EXPECT_NEAR(g1[1], along / 3, 1e-6);
}

TEST(InfoNce, OfOneNodeIsZero) {
  const TwoNodes nodes;
  std::vector<float> g1(32, 0.0F);
  std::vector<float> g2(32, 0.0F);
  InfoNce contrast(16, 0.2);
  const std::vector<std::int32_t> rows = {1};
  EXPECT_NEAR(contrast.add(rows, nodes.view1.data(), nodes.view2.data(), 1, g1.data(), g2.data()), 0, 1e-6);
  EXPECT_NEAR(g1[16], 0, 1e-6);
}

TEST(InfoNce, GivesNoGradientToARowOfLengthZero) {
  TwoNodes nodes;
  nodes.view1[0] = 0;
  std::vector<float> g1(32, 0.0F);
  std::vector<float> g2(32, 0.0F);
  InfoNce contrast(16, 0.2);
  const std::vector<std::int32_t> rows = {0, 1};
  EXPECT_TRUE(std::isfinite(contrast.add(rows, nodes.view1.data(), nodes.view2.data(), 1, g1.data(), g2.data())));
  for (int n = 0; n < 16; ++n) EXPECT_EQ(g1[static_cast<std::size_t>(n)], 0);
}

/// Many rows, so that every group has several tiles.
struct ManyNodes {
  std::vector<float> view1;
  std::vector<float> view2;
  std::vector<std::int32_t> rows;
  ManyNodes() {
    RandomStream stream(3, "tests.info_nce");
    for (int n = 0; n < 1200 * 16; ++n) {
      view1.push_back(static_cast<float>(stream.normal()));
      view2.push_back(view1.back() + 0.5F * static_cast<float>(stream.normal()));
    }
    for (std::int32_t row = 1; row < 1200; row += 2) rows.push_back(row);
  }
};

TEST(InfoNce, HasTheGradientOfItsLossAndLeavesOtherRowsAlone) {
  ManyNodes nodes;
  const double weight = 0.7;
  InfoNce contrast(16, 0.3);
  std::vector<float> g1(nodes.view1.size(), 0.0F);
  std::vector<float> g2(nodes.view1.size(), 0.0F);
  contrast.add(nodes.rows, nodes.view1.data(), nodes.view2.data(), weight, g1.data(), g2.data());
  std::vector<float> unused1(nodes.view1.size());
  std::vector<float> unused2(nodes.view1.size());
  RandomStream stream(4, "tests.places");
  for (auto [values, gradient] : {std::pair{&nodes.view1, &g1}, std::pair{&nodes.view2, &g2}}) {
    for (int n = 0; n < 12; ++n) {
      const auto row = static_cast<std::size_t>(nodes.rows[stream.below(nodes.rows.size())]);
      const std::size_t place = row * 16 + stream.below(16);
      const float before = (*values)[place];
      const auto loss_at = [&](float value) {
        (*values)[place] = value;
        return contrast.add(nodes.rows, nodes.view1.data(), nodes.view2.data(), weight, unused1.data(), unused2.data());
      };
      const double slope = weight * (loss_at(before + 0.25F) - loss_at(before - 0.25F)) / 0.5;
      (*values)[place] = before;
      EXPECT_NEAR(static_cast<double>((*gradient)[place]), slope, 2e-6 + 0.06 * std::abs(slope));
    }
    for (std::size_t n = 0; n < 16; ++n) EXPECT_EQ((*gradient)[n], 0);
  }
}

TEST(InfoNce, DoesNotDependOnTheNumberOfThreads) {
  const ManyNodes nodes;
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    omp_set_num_threads(threads);
    InfoNce contrast(16, 0.3);
    std::vector<float> g1(nodes.view1.size(), 0.0F);
    std::vector<float> g2(nodes.view1.size(), 0.0F);
    contrast.add(nodes.rows, nodes.view1.data(), nodes.view2.data(), 1, g1.data(), g2.data());
    g1.insert(g1.end(), g2.begin(), g2.end());
    results.push_back(g1);
  }
  omp_set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace llama4rec::recommenders
