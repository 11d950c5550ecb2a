#include "recommenders/direct/graph_views.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::ElementsAre;

using Edges = std::set<std::pair<std::int64_t, std::int32_t>>;

/// The edges of the users' rows.
Edges edges_of(const InteractionGraph& graph) {
  Edges edges;
  for (std::int64_t user = 0; user < graph.users; ++user) {
    const auto n = static_cast<std::size_t>(user);
    for (auto e = static_cast<std::size_t>(graph.offsets[n]); e < static_cast<std::size_t>(graph.offsets[n + 1]); ++e) {
      edges.insert({user, graph.columns[e]});
    }
  }
  return edges;
}

TEST(Subgraph, IsNormalisedByTheDegreesThatAreLeft) {
  // Users 0: items 0, 1; 1: items 0, 1, 2. Without the edge (0, 1): degrees of users 1, 3, of items 2, 1, 1.
  const std::vector<std::vector<ItemIndex>> histories = {{0, 1}, {2, 0, 1}};
  const auto graph = build_graph(histories, 3);
  const std::vector<std::uint8_t> keep = {1, 0, 1, 1, 1};
  const auto part = subgraph(graph, keep);
  EXPECT_THAT(part.offsets, ElementsAre(0, 1, 4, 6, 7, 8));
  EXPECT_THAT(part.columns, ElementsAre(2, /**/ 2, 3, 4, /**/ 0, 1, /**/ 1, /**/ 1));
  const auto weight = [](double a, double b) { return testing::FloatEq(static_cast<float>(1 / std::sqrt(a * b))); };
  EXPECT_THAT(part.weights, ElementsAre(weight(1, 2), weight(3, 2), weight(3, 1), weight(3, 1), weight(1, 2),
                                        weight(3, 2), weight(3, 1), weight(3, 1)));
}

TEST(Subgraph, OfAllEdgesIsTheGraph) {
  const auto data = two_groups(20, 30, 6, 1);
  const auto graph = build_graph(data.histories, data.items);
  const auto all = subgraph(graph, std::vector<std::uint8_t>(static_cast<std::size_t>(graph.edges() / 2), 1));
  EXPECT_EQ(all.offsets, graph.offsets);
  EXPECT_EQ(all.columns, graph.columns);
  EXPECT_EQ(all.weights, graph.weights);
}

TEST(GraphViews, DropEachEdgeWithTheGivenProbability) {
  const auto data = two_groups(40, 60, 20, 1);
  const auto graph = build_graph(data.histories, data.items);
  std::map<std::pair<std::int64_t, std::int32_t>, int> kept;
  const int epochs = 300;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const auto view =
        draw_view(graph, {.kind = ViewKind::kEdgeDrop, .drop_rate = 0.3, .layers = 3, .seed = 5}, epoch, 0);
    ASSERT_EQ(view.graphs.size(), 1U);
    EXPECT_EQ(&view.of_layer(2), &view.graphs[0]);
    for (const auto& edge : edges_of(view.graphs[0])) ++kept[edge];
  }
  ASSERT_EQ(kept.size(), 800U);
  double total = 0;
  for (const auto& [edge, count] : kept) {
    EXPECT_NEAR(count, 0.7 * epochs, 5 * std::sqrt(0.21 * epochs));
    total += count;
  }
  EXPECT_NEAR(total / (800.0 * epochs), 0.7, 5 * std::sqrt(0.21 / (800.0 * epochs)));
}

TEST(GraphViews, DropNodesWithAllOfTheirEdges) {
  const auto data = two_groups(200, 60, 20, 1);
  const auto graph = build_graph(data.histories, data.items);
  double dropped = 0;
  for (int epoch = 1; epoch <= 40; ++epoch) {
    const auto view =
        draw_view(graph, {.kind = ViewKind::kNodeDrop, .drop_rate = 0.2, .layers = 2, .seed = 5}, epoch, 1);
    // Of the whole graph exactly the edges between remaining nodes remain: a node is either empty or lost only edges to empty nodes.
    std::vector<bool> empty;
    for (std::size_t n = 0; n < 260; ++n) empty.push_back(view.graphs[0].offsets[n] == view.graphs[0].offsets[n + 1]);
    Edges expected;
    for (const auto& edge : edges_of(graph)) {
      if (!empty[static_cast<std::size_t>(edge.first)] && !empty[static_cast<std::size_t>(edge.second)]) {
        expected.insert(edge);
      }
    }
    EXPECT_EQ(edges_of(view.graphs[0]), expected);
    for (std::size_t n = 0; n < 260; ++n) dropped += empty[n] ? 1 : 0;
  }
  EXPECT_NEAR(dropped / (260 * 40), 0.2, 5 * std::sqrt(0.16 / (260 * 40)));
}

TEST(GraphViews, OfARandomWalkDifferByLayer) {
  const auto data = two_groups(40, 60, 20, 1);
  const auto graph = build_graph(data.histories, data.items);
  const ViewSettings settings{.kind = ViewKind::kRandomWalk, .drop_rate = 0.3, .layers = 3, .seed = 5};
  const auto view = draw_view(graph, settings, 1, 0);
  ASSERT_EQ(view.graphs.size(), 3U);
  EXPECT_NE(edges_of(view.of_layer(0)), edges_of(view.of_layer(1)));
  EXPECT_NE(edges_of(view.of_layer(1)), edges_of(view.of_layer(2)));
}

TEST(GraphViews, DependOnEpochAndNumberOnly) {
  const auto data = two_groups(40, 60, 20, 1);
  const auto graph = build_graph(data.histories, data.items);
  const ViewSettings settings{.kind = ViewKind::kEdgeDrop, .drop_rate = 0.3, .layers = 2, .seed = 5};
  const auto edges = [&](std::int64_t epoch, std::uint64_t number) {
    return edges_of(draw_view(graph, settings, epoch, number).graphs[0]);
  };
  EXPECT_EQ(edges(4, 1), edges(4, 1));
  EXPECT_NE(edges(4, 1), edges(4, 0));
  EXPECT_NE(edges(4, 1), edges(5, 1));
}

TEST(GraphViews, RefuseAnUnknownName) { EXPECT_THROW((void)parse_view_kind("edges"), UsageError); }

}  // namespace
}  // namespace llama4rec::recommenders
