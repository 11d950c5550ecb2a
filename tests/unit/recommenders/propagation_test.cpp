#include "recommenders/direct/propagation.h"

#include <cmath>

#include <gtest/gtest.h>

#include "recommenders/direct/lanes.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

/// The matrix as [nodes, nodes].
std::vector<std::vector<double>> dense(const InteractionGraph& graph) {
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  std::vector<std::vector<double>> matrix(nodes, std::vector<double>(nodes, 0));
  for (std::size_t row = 0; row < nodes; ++row) {
    for (auto edge = static_cast<std::size_t>(graph.offsets[row]);
         edge < static_cast<std::size_t>(graph.offsets[row + 1]); ++edge) {
      matrix[row][static_cast<std::size_t>(graph.columns[edge])] += static_cast<double>(graph.weights[edge]);
    }
  }
  return matrix;
}

TEST(InteractionGraph, WeighsAnEdgeByTheRootOfBothDegrees) {
  // User 0: items 0, 1 (1 twice); user 1: item 1; user 2: nothing. Item 2: nobody.
  const auto graph = build_graph(training_data({{1, 0, 1}, {1}, {}}, 3).histories, 3);
  EXPECT_EQ(graph.edges(), 6);
  const auto matrix = dense(graph);
  EXPECT_NEAR(matrix[0][3], 1 / std::sqrt(2.0), 1e-7);      // degrees 2 and 1
  EXPECT_NEAR(matrix[0][4], 1 / std::sqrt(2.0 * 2), 1e-7);  // degrees 2 and 2
  EXPECT_NEAR(matrix[1][4], 1 / std::sqrt(2.0), 1e-7);      // degrees 1 and 2
  for (std::size_t a = 0; a < 6; ++a) {
    EXPECT_EQ(matrix[2][a], 0);
    EXPECT_EQ(matrix[5][a], 0);
    for (std::size_t b = 0; b < 6; ++b) EXPECT_EQ(matrix[a][b], matrix[b][a]);
  }
}

TEST(InteractionGraph, PartitionsEveryRowIntoExactlyOneChunk) {
  for (const std::int64_t users : {1, 3, 500}) {
    const auto data = two_groups(users, 41, 7, 1);
    const auto graph = build_graph(data.histories, data.items);
    ASSERT_EQ(graph.partition.front(), 0);
    ASSERT_EQ(graph.partition.back(), graph.nodes());
    for (std::size_t n = 1; n < graph.partition.size(); ++n) {
      ASSERT_LT(graph.partition[n - 1], graph.partition[n]) << users << " users";
    }
  }
}

TEST(Propagation, IsTheMeanOfThePowersOfTheMatrix) {
  const auto data = two_groups(9, 11, 4, 1);
  const auto graph = build_graph(data.histories, data.items);
  const auto matrix = dense(graph);
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  for (const std::int64_t dimension : {3, 64, 90}) {
    for (const std::int64_t layers : {1, 2, 3}) {
      const std::int64_t stride = padded(dimension);
      std::vector<float> in(nodes * static_cast<std::size_t>(stride), 0.0F);
      RandomStream stream(4, "tests.propagation");
      for (std::size_t row = 0; row < nodes; ++row) {
        for (std::int64_t k = 0; k < dimension; ++k) {
          in[row * static_cast<std::size_t>(stride) + static_cast<std::size_t>(k)] =
              static_cast<float>(stream.normal());
        }
      }
      std::vector<float> scratch(in.size());
      std::vector<float> out(in.size());
      propagate(graph, layers, stride, in.data(), scratch.data(), out.data());
      for (std::size_t column = 0; column < static_cast<std::size_t>(stride); ++column) {
        std::vector<double> layer(nodes);
        for (std::size_t row = 0; row < nodes; ++row) {
          layer[row] = static_cast<double>(in[row * static_cast<std::size_t>(stride) + column]);
        }
        std::vector<double> sum = layer;
        for (std::int64_t k = 0; k < layers; ++k) {
          std::vector<double> next(nodes, 0);
          for (std::size_t a = 0; a < nodes; ++a) {
            for (std::size_t b = 0; b < nodes; ++b) next[a] += matrix[a][b] * layer[b];
            sum[a] += next[a];
          }
          layer = next;
        }
        for (std::size_t row = 0; row < nodes; ++row) {
          ASSERT_NEAR(static_cast<double>(out[row * static_cast<std::size_t>(stride) + column]),
                      sum[row] / static_cast<double>(layers + 1), 1e-5);
        }
      }
    }
  }
}

}  // namespace
}  // namespace llama4rec::recommenders
