#include "recommenders/direct/interaction_graph.h"

#include <algorithm>
#include <cmath>

namespace llama4rec::recommenders {
namespace {

constexpr std::int64_t kChunks = 64;

void weigh(InteractionGraph& graph) {
  const auto degree = [&](std::int64_t node) {
    const auto n = static_cast<std::size_t>(node);
    return static_cast<double>(graph.offsets[n + 1] - graph.offsets[n]);
  };
  graph.weights.resize(graph.columns.size());
  for (std::int64_t row = 0; row < graph.nodes(); ++row) {
    const auto n = static_cast<std::size_t>(row);
    for (auto edge = static_cast<std::size_t>(graph.offsets[n]); edge < static_cast<std::size_t>(graph.offsets[n + 1]);
         ++edge) {
      graph.weights[edge] = static_cast<float>(1.0 / std::sqrt(degree(row) * degree(graph.columns[edge])));
    }
  }
}

void partition_rows(InteractionGraph& graph) {
  // A row costs its edges and a constant; chunks end where the running cost passes a multiple of the mean.
  const auto cost = [&](std::int64_t row) { return graph.offsets[static_cast<std::size_t>(row)] + 4 * row; };
  const std::int64_t total = cost(graph.nodes());
  graph.partition.push_back(0);
  for (std::int64_t row = 1; row < graph.nodes(); ++row) {
    const auto chunk = static_cast<std::int64_t>(graph.partition.size());
    if (cost(row) * kChunks >= total * chunk) graph.partition.push_back(row);
  }
  graph.partition.push_back(graph.nodes());
}

/// Adds the items' rows to a graph that has the users', then weights and partition.
void complete(InteractionGraph& graph) {
  std::vector<std::int64_t> degrees(static_cast<std::size_t>(graph.items), 0);
  const auto user_edges = graph.columns.size();
  for (const std::int32_t column : graph.columns) ++degrees[static_cast<std::size_t>(column - graph.users)];
  for (const std::int64_t degree : degrees) graph.offsets.push_back(graph.offsets.back() + degree);
  std::vector<std::int64_t> cursor(graph.offsets.begin() + graph.users, graph.offsets.end() - 1);
  graph.columns.resize(2 * user_edges);
  for (std::int64_t user = 0; user < graph.users; ++user) {
    const auto row = static_cast<std::size_t>(user);
    for (auto edge = static_cast<std::size_t>(graph.offsets[row]);
         edge < static_cast<std::size_t>(graph.offsets[row + 1]); ++edge) {
      const auto item = static_cast<std::size_t>(graph.columns[edge] - graph.users);
      graph.columns[static_cast<std::size_t>(cursor[item]++)] = static_cast<std::int32_t>(user);
    }
  }
  weigh(graph);
  partition_rows(graph);
}

}  // namespace

InteractionGraph build_graph(std::span<const std::vector<ItemIndex>> histories, std::int64_t items) {
  InteractionGraph graph;
  graph.users = static_cast<std::int64_t>(histories.size());
  graph.items = items;
  graph.offsets.push_back(0);
  std::vector<ItemIndex> row;
  for (const auto& history : histories) {
    row = history;
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    for (const ItemIndex item : row) graph.columns.push_back(static_cast<std::int32_t>(graph.users + item));
    graph.offsets.push_back(static_cast<std::int64_t>(graph.columns.size()));
  }
  complete(graph);
  return graph;
}

InteractionGraph subgraph(const InteractionGraph& graph, std::span<const std::uint8_t> keep) {
  InteractionGraph result;
  result.users = graph.users;
  result.items = graph.items;
  result.offsets.push_back(0);
  for (std::size_t user = 0; user < static_cast<std::size_t>(graph.users); ++user) {
    for (auto edge = static_cast<std::size_t>(graph.offsets[user]);
         edge < static_cast<std::size_t>(graph.offsets[user + 1]); ++edge) {
      if (keep[edge] != 0) result.columns.push_back(graph.columns[edge]);
    }
    result.offsets.push_back(static_cast<std::int64_t>(result.columns.size()));
  }
  complete(result);
  return result;
}

}  // namespace llama4rec::recommenders
